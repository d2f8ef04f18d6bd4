#pragma once

#include "async/task_group.hpp"
#include "sql/postgres/pool.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>

namespace minga::sql::postgres {

/// Finds out, for the readers of one I/O thread, whether a server is the primary still: by a commit
/// that changes nothing, and that one which was replaced never gets confirmed. All calls on that
/// thread.
class Barrier {
 public:
  Barrier(boost::asio::io_context& context, Pool& writers, Counts& counts);

  /// A commit that is sent after the call, one for all who wait. Returns the timeline of the server
  /// that has it confirmed: with that one, or one of a later timeline, is every write that was
  /// acknowledged before the call. Throws sql::Error, never one in doubt, where none is by the
  /// deadline.
  Async<std::int64_t> pass(Deadline deadline);
  /// Once nobody waits: a commit that was not sent yet is not made then.
  Async<void> close();

 private:
  struct Round;

  Async<void> run();
  Async<std::int64_t> commit(Deadline deadline);

  boost::asio::io_context& context_;
  Pool& writers_;
  Counts& counts_;
  std::shared_ptr<Round> next_;  // not sent yet
  bool is_running_ = false;
  TaskGroup tasks_;
};

/// A read from the primary by a reader who has seen or done something, which is in its
/// `replica->after`. A primary that was replaced, and does not know it, may not have that. One that
/// shows it answers; else the barrier tells. Throws sql::Error.
Async<Rows> read_after(Pool& readers, Barrier& barrier, Statement const& statement);

}  // namespace minga::sql::postgres
