#pragma once

#include "async/io_threads.hpp"
#include "async/service.hpp"
#include "async/task_group.hpp"
#include "move/source.hpp"
#include "sql/database.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <filesystem>
#include <memory>

namespace minga::move {

/// Where a server that has an embedded database to itself lets `minga move` in: a socket beside the
/// file, FILE.move, for the file's owner alone. One connection is one pause: "hold MILLISECONDS" is
/// answered with "held" when no write is under way any more, "close TO" with "closed" when the site
/// is closed for good. Without that, the end of the connection, for whatever reason, lets the
/// writes go on. What fails is answered with "refused REASON".
class Door : public Service {
 public:
  Door(IoThreads& threads, sql::Database& database, std::filesystem::path const& file);
  ~Door() override;
  std::string_view name() const override { return "move"; }
  Async<void> start() override;
  Async<void> stop(Deadline deadline) override;

 private:
  using Socket = boost::asio::local::stream_protocol::socket;

  Async<void> accept();
  Async<void> serve(Socket socket);
  Async<void> pause(Socket& socket);

  sql::Database& database_;
  std::filesystem::path path_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  TaskGroup tasks_;
};

/// Of a file that a server has open: `database` reads it, the server's door pauses it.
Source served_source(sql::Database& database, std::filesystem::path file);

/// Throws std::runtime_error where no server opens its door beside the file.
Async<void> require_door(std::filesystem::path file);

}  // namespace minga::move
