#pragma once

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "sql/sqlite/checkpoints.hpp"
#include "sql/sqlite/connection.hpp"
#include "sql/sqlite/readers.hpp"
#include "sql/sqlite/transaction_bodies.hpp"
#include "sql/sqlite/write_queue.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace minga::sql::sqlite {

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

  /// As the queue's, and durable, or failed, when it returns.
  Async<void> run(Operation& operation);
  Async<std::uint64_t> hold(Deadline deadline) { return queue_.hold(deadline); }
  void let_go(std::uint64_t number) { queue_.let_go(number); }
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

  void require_outside_body() const;
  void work();
  void run_group(std::vector<Operation*>& group);
  Outcome run_together(std::vector<Operation*>& group, Undo undo);
  void run_one(Operation& operation, Undo undo);
  void run_in_savepoint(Operation& operation);
  void run_inside(Operation& operation);
  void undo_savepoint();
  Outcome commit(std::span<Operation*> group);
  void fail(std::span<Operation*> group, Error const& error);
  void roll_back();
  void end_process_if_not_synced() const;

  Readers& readers_;
  WriteQueue queue_;
  std::unique_ptr<Connection> connection_;
  TransactionBodies bodies_;
  Checkpoints checkpoints_;
  bool disk_was_full_ = false;  // at the last group's commit
  prometheus::Counter& commits_;
  prometheus::Counter& operations_;
  prometheus::Histogram& commit_seconds_;
  std::thread thread_;
};

}  // namespace minga::sql::sqlite
