#pragma once

#include "async/io_threads.hpp"
#include "async/resumption.hpp"
#include "base/metrics.hpp"
#include "sql/database.hpp"
#include "sql/sqlite/checkpoints.hpp"
#include "sql/sqlite/connection.hpp"
#include "sql/sqlite/readers.hpp"
#include "sql/sqlite/transaction_bodies.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace minga::sql::sqlite {

/// One write that waits for its turn; it lives in the frame of the coroutine that awaits it.
struct Operation {
  std::span<Statement const> statements;  // either statements to run in order
  TransactionBody const* body = nullptr;  // or a transaction's body
  Deadline deadline = Deadline::max();
  std::vector<Rows> rows;  // of the statements
  std::exception_ptr failure;
  int thread = -1;  // the I/O thread to resume on
  boost::asio::any_io_executor executor;
  std::unique_ptr<Resumption> resumption;
};

/// The thread that owns the only writing connection. It takes all that waits, runs it in one
/// transaction, with what comes meanwhile, commits that, and only then resumes the callers. An
/// operation that fails is undone alone: one that had changed nothing needs no undoing; for the
/// others the group is rolled back and run again with a savepoint for each operation, which few
/// groups need and each page that is written would pay for. When SQLite gives the whole transaction
/// up for one operation's sake (it does so on a full disk, an I/O error, an interrupted write), the
/// others are run again, each in a transaction of its own.
class Writer {
 public:
  Writer(IoThreads& threads, Options const& options, Readers& readers, Metrics& metrics);
  ~Writer();

  /// Durable, or failed, when this returns. Not interrupted by cancellation. Throws sql::Error
  /// queue_full or, after stop(), connection_lost.
  Async<void> run(Operation& operation);

  /// Rests once what is under way has been committed, until the deadline at the latest: what comes
  /// waits, each to its own deadline. Returns a number for let_go(). Throws sql::Error busy while
  /// it rests already.
  Async<std::uint64_t> hold(Deadline deadline);
  void let_go(std::uint64_t number);
  /// The operation is the first to be done then; as run() otherwise.
  Async<void> let_go_with(Operation& operation);

  /// On the writer's own thread: within a transaction's body.
  bool is_current() const;

  /// Finishes what waits, checkpoints, closes the connection. From no I/O thread.
  void stop();

 private:
  /// How operations that fail are undone.
  enum class Undo { none, savepoints };
  /// Of a transaction: `lost` when SQLite or the commit gave it up for the sake of one operation,
  /// which has its failure then, `mixed` when one failed that had changed something.
  enum class Outcome { done, lost, mixed };

  /// A waiting operation's place in the queue.
  enum class Turn { last, first };

  /// Outlives the writer where an I/O thread has yet to run what was posted to it.
  struct Wake {
    explicit Wake(std::size_t threads) : is_posted(threads) {}
    std::condition_variable condition;
    std::vector<char> is_posted;  // to each I/O thread, which alone looks at its own
  };

  Async<void> wait_for(Operation& operation, Turn turn);
  bool submit(Operation& operation, Turn turn);
  void wake_soon();
  void rest(std::unique_lock<std::mutex>& lock);
  void expire_waiting(std::vector<Operation*>& expired);
  void work();
  bool take(std::vector<Operation*>& group);
  bool take_more(std::vector<Operation*>& group);
  void move_waiting(std::vector<Operation*>& group);
  void run_group(std::vector<Operation*>& group);
  Outcome run_together(std::vector<Operation*>& group, Undo undo);
  void run_one(Operation& operation, Undo undo);
  void run_in_savepoint(Operation& operation);
  void run_inside(Operation& operation);
  void undo_savepoint();
  Outcome commit(std::span<Operation*> group);
  void fail(std::span<Operation*> group, Error const& error);
  void roll_back();
  void resume(std::vector<Operation*> const& group);
  void end_process_if_not_synced() const;

  IoThreads& threads_;
  Readers& readers_;
  std::size_t bound_;
  Clock::duration joining_;
  std::shared_ptr<Wake> wake_;
  std::unique_ptr<Connection> connection_;
  TransactionBodies bodies_;
  Checkpoints checkpoints_;
  Clock::time_point begun_;     // the group that runs
  bool disk_was_full_ = false;  // at the last group's commit
  prometheus::Counter& commits_;
  prometheus::Counter& operations_;
  prometheus::Gauge& waiting_;
  prometheus::Histogram& commit_seconds_;

  std::mutex mutex_;
  std::vector<Operation*> queue_;
  bool stopping_ = false;
  bool is_held_ = false;
  Deadline held_until_ = Deadline::max();
  std::uint64_t holds_ = 0;      // so far
  Operation* holder_ = nullptr;  // waits for the writer to rest
  std::thread thread_;
};

}  // namespace minga::sql::sqlite
