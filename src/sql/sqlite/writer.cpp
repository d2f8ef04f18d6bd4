#include "sql/sqlite/writer.hpp"

#include "base/logging.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <pthread.h>
#include <stdexcept>
#include <utility>

namespace minga::sql::sqlite {
namespace {

thread_local Writer const* current_writer = nullptr;

}  // namespace

Writer::Writer(IoThreads& threads, Options const& options, Readers& readers, Metrics& metrics)
    : readers_(readers),
      queue_(threads, options, metrics),
      connection_(std::make_unique<Connection>(options.file, Access::read_write, options)),
      bodies_(*connection_),
      checkpoints_(*connection_, options.checkpoint_pages),
      commits_(metrics.counter("minga_sqlite_commits_total", "Group commits.")),
      operations_(metrics.counter("minga_sqlite_operations_total",
                                  "Write operations that were committed or failed.")),
      commit_seconds_(metrics.seconds("minga_sqlite_commit_seconds",
                                      "Time from a group's begin to its durable commit.")) {
  connection_->execute("PRAGMA cache_size = -32768");
  connection_->execute("PRAGMA foreign_keys = ON");
  connection_->execute("PRAGMA synchronous = FULL");
  connection_->execute("PRAGMA temp_store = MEMORY");
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "minga-writer");
    work();
  });
}

Writer::~Writer() {
  stop();
}

void Writer::stop() {
  queue_.stop();
  if (thread_.joinable()) thread_.join();
  connection_.reset();
}

bool Writer::is_current() const {
  return current_writer == this;
}

void Writer::require_outside_body() const {
  if (is_current()) throw std::logic_error("A transaction's body writes through its transaction.");
}

Async<void> Writer::run(Operation& operation) {
  require_outside_body();
  return queue_.run(operation);
}

Async<void> Writer::let_go_with(Operation& operation) {
  require_outside_body();
  return queue_.let_go_with(operation);
}

void Writer::work() {
  current_writer = this;
  std::vector<Operation*> group;
  while (queue_.take(group)) {
    auto const begun = Clock::now();
    run_group(group);
    commit_seconds_.Observe(std::chrono::duration<double>(Clock::now() - begun).count());
    operations_.Increment(static_cast<double>(group.size()));
    queue_.answer(group);
    readers_.let_log_restart(disk_was_full_ || checkpoints_.log_is_long());
    if (std::exchange(disk_was_full_, false)) {
      checkpoints_.empty_log();
    } else {
      checkpoints_.run_if_due();
    }
    end_process_if_not_synced();
  }
  checkpoints_.empty_log();
  end_process_if_not_synced();
}

void Writer::run_group(std::vector<Operation*>& group) {
  auto outcome = run_together(group, Undo::none);
  if (outcome == Outcome::mixed) {
    // Failures too may come from what is undone now.
    for (auto* operation : group) operation->failure = nullptr;
    outcome = run_together(group, Undo::savepoints);
  }
  if (outcome == Outcome::done) return;
  for (auto* operation : group) {
    std::vector<Operation*> alone{operation};
    if (!operation->failure) run_together(alone, Undo::savepoints);
  }
}

/// One transaction over the operations, and, the first time, over those that come meanwhile: the
/// sync is the same for all. Those without a failure are to be done again when it was not done.
Writer::Outcome Writer::run_together(std::vector<Operation*>& group, Undo undo) {
  try {
    connection_->control(Control::begin_immediate);
  } catch (Error const& error) {
    fail(group, error);
    return Outcome::done;
  }
  auto const is_first_time = undo == Undo::none;
  for (std::size_t i = 0; i < group.size() || (is_first_time && queue_.take_more(group)); ++i) {
    auto* const operation = group[i];
    auto const changes_before = connection_->changes();
    run_one(*operation, undo);
    if (connection_->autocommit()) return Outcome::lost;
    auto const is_mixed =
        is_first_time && operation->failure != nullptr && connection_->changes() != changes_before;
    if (is_mixed) {
      roll_back();
      return group.size() == 1 ? Outcome::done : Outcome::mixed;
    }
  }
  return commit(group);
}

void Writer::run_one(Operation& operation, Undo undo) {
  if (has_passed(operation.deadline)) {
    operation.failure = std::make_exception_ptr(past_deadline());
    return;
  }
  try {
    auto const undoes_itself = operation.statements.size() == 1;
    if (undo == Undo::none || undoes_itself) {
      run_inside(operation);
    } else {
      run_in_savepoint(operation);
    }
  } catch (...) {
    end_process_if_not_synced();
    operation.failure = std::current_exception();
  }
}

void Writer::run_inside(Operation& operation) {
  operation.rows.clear();
  operation.rows.reserve(operation.statements.size());
  for (auto const& statement : operation.statements)
    operation.rows.push_back(connection_->run(statement));
  if (operation.body != nullptr) bodies_.run(*operation.body, operation.deadline);
}

void Writer::run_in_savepoint(Operation& operation) {
  connection_->control(Control::savepoint);
  try {
    run_inside(operation);
    connection_->control(Control::release);
  } catch (...) {
    undo_savepoint();
    throw;
  }
}

void Writer::undo_savepoint() {
  if (connection_->autocommit()) return;
  try {
    connection_->control(Control::rollback_to);
    connection_->control(Control::release);
  } catch (Error const& error) {
    log::warning(fmt::format("A write could not be undone by itself: {}", error.what()));
    roll_back();
  }
}

/// Lost when one operation alone may be to blame.
Writer::Outcome Writer::commit(std::span<Operation*> group) {
  try {
    connection_->control(Control::commit);
    readers_.committed();
    commits_.Increment();
    return Outcome::done;
  } catch (Error const& error) {
    end_process_if_not_synced();
    roll_back();
    // A constraint that is checked at the end: whose it was shows when each commits by itself.
    if (error.code() == ErrorCode::foreign_key_violation && group.size() > 1) return Outcome::lost;
    Error answer = error;
    // The disk may have stored what it said it could not: a crash before the next commit would
    // bring it back.
    answer.commit_in_doubt = error.code() == ErrorCode::io;
    fail(group, answer);
    return Outcome::done;
  }
}

void Writer::fail(std::span<Operation*> group, Error const& error) {
  end_process_if_not_synced();
  disk_was_full_ |= error.code() == ErrorCode::full;
  for (auto* operation : group) {
    if (!operation->failure) operation->failure = std::make_exception_ptr(error);
  }
}

void Writer::roll_back() {
  if (connection_->autocommit()) return;
  try {
    connection_->control(Control::rollback);
  } catch (Error const& error) {
    end_process_if_not_synced();
    log::warning(fmt::format("A rollback met an error: {}", error.what()));
  }
}

/// After a failed fsync the kernel may have dropped the pages that it could not write and report
/// success next time: nothing on this machine can tell any more what is on the disk. Recovery from
/// the log on the next start can.
void Writer::end_process_if_not_synced() const {
  if (!connection_->sync_failed()) return;
  log::error(
      "The disk did not confirm a write (fsync). The process ends: only a restart can tell what is "
      "stored.");
  log::flush();
  std::_Exit(70);
}

}  // namespace minga::sql::sqlite
