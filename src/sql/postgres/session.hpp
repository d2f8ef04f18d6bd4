#pragma once

#include "sql/postgres/connection.hpp"
#include "sql/postgres/watched_socket.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <libpq-fe.h>
#include <memory>
#include <string>
#include <vector>

namespace minga::sql::postgres {

/// A connection by itself, outside of the pools, for the few things that are asked one after the
/// other. Throws std::runtime_error with what the server or libpq said.
class Session {
 public:
  /// `handle` is one of connect()'s.
  Session(boost::asio::any_io_executor const& executor, Handle handle);

  /// A row as texts; NULL is "".
  using Row = std::vector<std::string>;
  /// Sends the statement, which has no values, and gives its rows. Throws when the answer is not
  /// there by the deadline.
  Async<std::vector<Row>> ask(std::string sql, Deadline deadline);
  /// Waits for the server to say something of its own. False at the deadline.
  Async<bool> hear(Deadline deadline);
  /// The payload of the next notification that has come; nothing when there is none.
  std::optional<std::string> notification();
  /// Ends it and gives the connection back, in pipeline mode as it came. The session's socket must
  /// be gone before the handle is used: it is to be destroyed first.
  Handle take();

 private:
  Async<bool> is_readable(Deadline deadline);
  void consume();

  Handle handle_;
  WatchedSocket socket_;
};

}  // namespace minga::sql::postgres
