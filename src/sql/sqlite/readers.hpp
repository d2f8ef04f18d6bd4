#pragma once

#include "async/blocking_pool.hpp"
#include "async/io_threads.hpp"
#include "sql/sqlite/connection.hpp"
#include "sql/sqlite/repeated_reads.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace minga::sql::sqlite {

/// Read-only connections: one for each I/O thread, used there at once within a small budget, and a
/// few behind a bounded pool for what takes longer.
///
/// To begin and to end a read costs SQLite locks that all connections share, more than to look up
/// a record does. So an I/O thread keeps its read transaction open from one read to the next for as
/// long as nothing was committed in between; it sees what a new one would.
/// What costs more than to look up a record is read once in it.
class Readers {
 public:
  Readers(IoThreads& threads, Options const& options);

  Async<Rows> run(Statement const& statement);
  /// Closes the I/O threads' connections, each on its own thread. No run() may follow.
  Async<void> close();
  /// Then, from none of these threads: waits for the pool's reads and closes its connections.
  void finish();
  BlockingPool& pool() { return *pool_; }

  /// The writer has committed: called before anyone is told, so that reads that follow see it.
  void committed() { commits_.fetch_add(1, std::memory_order_release); }
  /// With true no read transaction is kept open, so that the write-ahead log can begin anew. From
  /// the writer's thread.
  void let_log_restart(bool wanted);

 private:
  struct Lane : std::enable_shared_from_this<Lane> {
    explicit Lane(boost::asio::io_context& context) : timer(context) {}
    std::unique_ptr<Connection> connection;
    bool holds = false;         // a read transaction is open
    std::uint64_t commits = 0;  // those that it sees, at least
    RepeatedReads reads;        // in that transaction
    bool timed = false;
    boost::asio::steady_timer timer;
  };

  std::optional<Rows> run_in_lane(Lane& lane, Statement const& statement);
  void refresh(Lane& lane);
  void hold(Lane& lane, std::uint64_t commits);
  static void release(Lane& lane);
  static Async<void> close_lane(Lane& lane);
  Rows run_in_pool(Statement const& statement);
  std::unique_ptr<Connection> borrow();

  IoThreads& threads_;
  Options const& options_;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<bool> log_restarts_ = false;
  std::vector<std::shared_ptr<Lane>> lanes_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // of the pool
  std::unique_ptr<BlockingPool> pool_;             // last: its threads use the members above
};

}  // namespace minga::sql::sqlite
