#pragma once

#include "async/blocking_pool.hpp"
#include "async/io_threads.hpp"
#include "sql/sqlite/connection.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace minga::sql::sqlite {

/// Read-only connections: one for each I/O thread, used there at once within a small budget, and a
/// few behind a bounded pool for what takes longer.
class Readers {
 public:
  Readers(IoThreads& threads, Options const& options);

  Async<Rows> run(Statement const& statement);
  /// Closes the connections, each on its own thread. No run() may follow.
  Async<void> close();
  BlockingPool& pool() { return pool_; }

 private:
  Rows run_in_pool(Statement const& statement);
  std::unique_ptr<Connection> borrow();

  IoThreads& threads_;
  Options const& options_;
  std::vector<std::unique_ptr<Connection>> by_thread_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // of the pool
  BlockingPool pool_;                              // last: its threads use the members above
};

}  // namespace minga::sql::sqlite
