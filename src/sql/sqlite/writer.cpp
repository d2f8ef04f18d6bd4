#include "sql/sqlite/writer.hpp"

#include "base/logging.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <pthread.h>
#include <stdexcept>
#include <utility>

namespace minga::sql::sqlite {
namespace {

constexpr std::size_t kGroup = 512;
/// Between two looks for operations whose deadline has passed, while the writer is held.
constexpr std::chrono::milliseconds kRestingLook{50};

thread_local Writer const* current_writer = nullptr;

Error closed() {
  Error error(ErrorCode::connection_lost, "The database is closed.");
  error.retryable = true;
  return error;
}

Error held_already() {
  Error error(ErrorCode::busy, "The writes of this database are held by another move already.");
  error.retryable = true;
  return error;
}

Error past_deadline() {
  Error error(ErrorCode::deadline, "The deadline passed before the write began.");
  error.retryable = true;
  return error;
}

}  // namespace

Writer::Writer(IoThreads& threads, Options const& options, Readers& readers, Metrics& metrics)
    : threads_(threads),
      readers_(readers),
      bound_(options.write_queue),
      joining_(options.joining),
      wake_(std::make_shared<Wake>(threads.size())),
      connection_(std::make_unique<Connection>(options.file, Access::read_write, options)),
      bodies_(*connection_),
      checkpoints_(*connection_, options.checkpoint_pages),
      commits_(metrics.counter("minga_sqlite_commits_total", "Group commits.")),
      operations_(metrics.counter("minga_sqlite_operations_total",
                                  "Write operations that were committed or failed.")),
      waiting_(
          metrics.gauge("minga_sqlite_write_queue", "Write operations that wait for the writer.")),
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
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  wake_->condition.notify_one();
  if (thread_.joinable()) thread_.join();
  connection_.reset();
}

bool Writer::is_current() const {
  return current_writer == this;
}

Async<void> Writer::run(Operation& operation) {
  return wait_for(operation, Turn::last);
}

Async<void> Writer::wait_for(Operation& operation, Turn turn) {
  if (is_current()) throw std::logic_error("A transaction's body writes through its transaction.");
  operation.thread = threads_.current();
  auto initiate = [this, &operation, turn](auto handler) {
    operation.executor = boost::asio::get_associated_executor(handler);
    operation.resumption = make_resumption(std::move(handler));
    if (submit(operation, turn)) return;
    boost::asio::post(operation.executor,
                      [&operation] { std::exchange(operation.resumption, nullptr)->resume(); });
  };
  co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
      initiate, boost::asio::use_awaitable);
  if (operation.failure) std::rethrow_exception(operation.failure);
}

bool Writer::submit(Operation& operation, Turn turn) {
  {
    std::lock_guard const lock(mutex_);
    if (stopping_) {
      operation.failure = std::make_exception_ptr(closed());
      return false;
    }
    if (turn == Turn::first) {
      queue_.insert(queue_.begin(), &operation);
      is_held_ = false;
    } else if (queue_.size() >= bound_) {
      Error error(ErrorCode::queue_full,
                  fmt::format("{} writes are waiting for the database already.", bound_));
      error.retryable = true;
      operation.failure = std::make_exception_ptr(error);
      return false;
    } else {
      queue_.push_back(&operation);
    }
  }
  wake_soon();
  return true;
}

/// An I/O thread wakes the writer once for all that it has at hand, so that the writes among that
/// come in one group.
void Writer::wake_soon() {
  auto const thread = threads_.current();
  if (thread < 0) {
    wake_->condition.notify_one();
    return;
  }
  auto const i = static_cast<std::size_t>(thread);
  if (std::exchange(wake_->is_posted.at(i), true)) return;
  boost::asio::post(threads_.context(i), [wake = wake_, i] {
    wake->is_posted[i] = false;
    wake->condition.notify_one();
  });
}

Async<std::uint64_t> Writer::hold(Deadline deadline) {
  Operation operation;
  std::uint64_t number = 0;
  operation.thread = threads_.current();
  auto initiate = [this, &operation, &number, deadline](auto handler) {
    operation.executor = boost::asio::get_associated_executor(handler);
    operation.resumption = make_resumption(std::move(handler));
    {
      std::lock_guard const lock(mutex_);
      if (!stopping_ && !is_held_) {
        is_held_ = true;
        held_until_ = deadline;
        number = ++holds_;
        holder_ = &operation;
        wake_->condition.notify_one();
        return;
      }
      operation.failure = std::make_exception_ptr(stopping_ ? closed() : held_already());
    }
    boost::asio::post(operation.executor,
                      [&operation] { std::exchange(operation.resumption, nullptr)->resume(); });
  };
  co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
      initiate, boost::asio::use_awaitable);
  if (operation.failure) std::rethrow_exception(operation.failure);
  co_return number;
}

void Writer::let_go(std::uint64_t number) {
  {
    std::lock_guard const lock(mutex_);
    if (number != holds_) return;  // its time has passed, and another came
    is_held_ = false;
  }
  wake_->condition.notify_one();
}

Async<void> Writer::let_go_with(Operation& operation) {
  return wait_for(operation, Turn::first);
}

/// While it is held, operations whose deadlines pass are answered.
void Writer::rest(std::unique_lock<std::mutex>& lock) {
  while (is_held_ && !stopping_) {
    if (has_passed(held_until_) && holder_ == nullptr) {
      is_held_ = false;
      break;
    }
    std::vector<Operation*> answered;
    if (holder_ != nullptr) answered.push_back(std::exchange(holder_, nullptr));
    expire_waiting(answered);
    if (answered.empty()) {
      wake_->condition.wait_for(lock, kRestingLook);
      continue;
    }
    lock.unlock();
    resume(answered);
    lock.lock();
  }
  if (holder_ == nullptr) return;
  holder_->failure = std::make_exception_ptr(closed());  // it is stopping
  std::vector<Operation*> const refused{std::exchange(holder_, nullptr)};
  resume(refused);
}

void Writer::expire_waiting(std::vector<Operation*>& expired) {
  auto const is_late = [](Operation const* operation) {
    return has_passed(operation->deadline);
  };
  auto const first = std::stable_partition(queue_.begin(), queue_.end(), std::not_fn(is_late));
  for (auto each = first; each != queue_.end(); ++each) {
    (*each)->failure = std::make_exception_ptr(past_deadline());
    expired.push_back(*each);
  }
  queue_.erase(first, queue_.end());
}

bool Writer::take(std::vector<Operation*>& group) {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_->condition.wait(lock, [this] { return stopping_ || is_held_ || !queue_.empty(); });
    if (!is_held_ || stopping_) break;
    rest(lock);
  }
  if (holder_ != nullptr) rest(lock);
  group.clear();
  move_waiting(group);
  return !group.empty();
}

bool Writer::take_more(std::vector<Operation*>& group) {
  if (Clock::now() - begun_ >= joining_) return false;
  std::lock_guard const lock(mutex_);
  auto const size = group.size();
  if (!is_held_) move_waiting(group);
  return group.size() > size;
}

/// With the lock.
void Writer::move_waiting(std::vector<Operation*>& group) {
  auto const count = std::min(queue_.size(), kGroup - group.size());
  auto const end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  group.insert(group.end(), queue_.begin(), end);
  queue_.erase(queue_.begin(), end);
  waiting_.Set(static_cast<double>(queue_.size()));
}

void Writer::work() {
  current_writer = this;
  std::vector<Operation*> group;
  while (take(group)) {
    begun_ = Clock::now();
    run_group(group);
    commit_seconds_.Observe(std::chrono::duration<double>(Clock::now() - begun_).count());
    operations_.Increment(static_cast<double>(group.size()));
    resume(group);
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
  for (std::size_t i = 0; i < group.size() || (is_first_time && take_more(group)); ++i) {
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

void Writer::resume(std::vector<Operation*> const& group) {
  std::vector<std::vector<std::unique_ptr<Resumption>>> by_thread(threads_.size());
  for (auto* operation : group) {
    // Once resumed, the operation is gone: what is needed of it is taken before.
    if (operation->thread >= 0) {
      by_thread[static_cast<std::size_t>(operation->thread)].push_back(
          std::move(operation->resumption));
      continue;
    }
    auto executor = operation->executor;
    boost::asio::post(executor, [resumption = std::shared_ptr<Resumption>(
                                     std::move(operation->resumption))] { resumption->resume(); });
  }
  for (std::size_t i = 0; i < by_thread.size(); ++i) {
    if (by_thread[i].empty()) continue;
    auto shared =
        std::make_shared<std::vector<std::unique_ptr<Resumption>>>(std::move(by_thread[i]));
    boost::asio::post(threads_.context(i), [shared] {
      for (auto& resumption : *shared) std::exchange(resumption, nullptr)->resume();
    });
  }
}

}  // namespace minga::sql::sqlite
