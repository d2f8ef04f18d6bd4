#include "sql/sqlite/writer.hpp"

#include "base/logging.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <pthread.h>
#include <stdexcept>

namespace minga::sql::sqlite {
namespace {

constexpr std::size_t kGroup = 512;
/// Pages of the write-ahead log after which they are copied into the database (4 KiB each).
constexpr int kCheckpointPages = 4'000;
/// A log that long is begun anew as soon as no reader needs it.
constexpr int kRestartPages = 50'000;

Error closed() {
  Error error(ErrorCode::connection_lost, "The database is closed.");
  error.retryable = true;
  return error;
}

Error past_deadline() {
  Error error(ErrorCode::deadline, "The deadline passed before the write began.");
  error.retryable = true;
  return error;
}

/// The statements of one body, run at once on the writer's thread.
class WriterTransaction : public Transaction {
 public:
  WriterTransaction(Connection& connection, Deadline deadline)
      : connection_(connection), deadline_(deadline) {}
  Async<Rows> execute(Statement statement) override {
    statement.deadline = std::min(statement.deadline, deadline_);
    co_return connection_.run(statement);
  }

 private:
  Connection& connection_;
  Deadline deadline_;
};

template <class Handler>
class HandlerResumption : public Resumption {
 public:
  explicit HandlerResumption(Handler handler) : handler_(std::move(handler)) {}
  void resume() override { std::move(handler_)(); }

 private:
  Handler handler_;
};

}  // namespace

Writer::Writer(IoThreads& threads, Options const& options, Readers& readers, Metrics& metrics)
    : threads_(threads),
      readers_(readers),
      bound_(options.write_queue),
      connection_(std::make_unique<Connection>(options.file, Access::read_write, options)),
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
  auto count_pages = [](void* pages, sqlite3*, char const*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(connection_->handle(), count_pages, &wal_pages_);
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
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  connection_.reset();
}

Async<void> Writer::run(Operation& operation) {
  operation.thread = threads_.current();
  auto initiate = [this, &operation](auto handler) {
    operation.executor = boost::asio::get_associated_executor(handler);
    operation.resumption =
        std::make_unique<HandlerResumption<decltype(handler)>>(std::move(handler));
    if (submit(operation)) return;
    boost::asio::post(operation.executor,
                      [&operation] { std::exchange(operation.resumption, nullptr)->resume(); });
  };
  co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
      initiate, boost::asio::use_awaitable);
  if (operation.failure) std::rethrow_exception(operation.failure);
}

bool Writer::submit(Operation& operation) {
  {
    std::lock_guard const lock(mutex_);
    if (stopping_) {
      operation.failure = std::make_exception_ptr(closed());
      return false;
    }
    if (queue_.size() >= bound_) {
      Error error(ErrorCode::queue_full,
                  fmt::format("{} writes are waiting for the database already.", bound_));
      error.retryable = true;
      operation.failure = std::make_exception_ptr(error);
      return false;
    }
    queue_.push_back(&operation);
    if (queue_.size() > 1) return true;  // the writer has been woken for the first of them
  }
  wake_.notify_one();
  return true;
}

bool Writer::take(std::vector<Operation*>& group) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  auto const count = std::min(queue_.size(), kGroup);
  group.assign(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
  waiting_.Set(static_cast<double>(queue_.size()));
  return count > 0;
}

void Writer::work() {
  std::vector<Operation*> group;
  while (take(group)) {
    auto const begin = Clock::now();
    run_group(group);
    commit_seconds_.Observe(std::chrono::duration<double>(Clock::now() - begin).count());
    operations_.Increment(static_cast<double>(group.size()));
    resume(group);
    checkpoint_if_due();
  }
  sqlite3_wal_checkpoint_v2(connection_->handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr,
                            nullptr);
}

void Writer::run_group(std::vector<Operation*>& group) {
  for (std::size_t first = 0; first < group.size();) first = begin_and_run(group, first);
}

/// One transaction over the operations from `first` on. Returns where the next one begins: after an
/// error with which SQLite gave the whole transaction up, behind the operation that met it.
std::size_t Writer::begin_and_run(std::vector<Operation*>& group, std::size_t first) {
  try {
    connection_->control(Control::begin_immediate);
  } catch (Error const& error) {
    end_process_if_not_synced(error);
    for (auto i = first; i < group.size(); ++i) group[i]->failure = std::make_exception_ptr(error);
    return group.size();
  }
  for (auto i = first; i < group.size(); ++i) {
    run_one(*group[i]);
    if (!connection_->autocommit()) continue;
    Error lost(
        ErrorCode::io,
        "Another write of the same group failed so that SQLite gave up the whole transaction.");
    lost.retryable = true;
    for (auto j = first; j < i; ++j) {
      if (!group[j]->failure) group[j]->failure = std::make_exception_ptr(lost);
    }
    return i + 1;
  }
  commit(std::span(group).subspan(first));
  return group.size();
}

void Writer::run_one(Operation& operation) {
  if (has_passed(operation.deadline)) {
    operation.failure = std::make_exception_ptr(past_deadline());
    return;
  }
  try {
    if (operation.statement != nullptr) {
      operation.rows =
          connection_->run(*operation.statement);  // a statement that fails undoes itself
      return;
    }
    connection_->control(Control::savepoint);
    try {
      run_body(operation);
    } catch (...) {
      if (!connection_->autocommit()) {
        connection_->control(Control::rollback_to);
        connection_->control(Control::release);
      }
      throw;
    }
    connection_->control(Control::release);
  } catch (Error const& error) {
    end_process_if_not_synced(error);
    operation.failure = std::current_exception();
  } catch (...) {
    operation.failure = std::current_exception();
  }
}

void Writer::run_body(Operation const& operation) {
  if (!bodies_) bodies_ = std::make_unique<boost::asio::io_context>(1);
  WriterTransaction transaction(*connection_, operation.deadline);
  bool ended = false;
  std::exception_ptr failure;
  auto note = [&](std::exception_ptr error) {
    ended = true;
    failure = std::move(error);
  };
  boost::asio::co_spawn(*bodies_, (*operation.body)(transaction), note);
  bodies_->restart();
  bodies_->poll();
  if (!ended) {
    bodies_.reset();  // destroys the body where it stands
    throw std::logic_error("A transaction's body awaited something other than its own statements.");
  }
  if (failure) std::rethrow_exception(failure);
}

void Writer::commit(std::span<Operation*> group) {
  try {
    connection_->control(Control::commit);
    readers_.committed();
    commits_.Increment();
    return;
  } catch (Error const& error) {
    end_process_if_not_synced(error);
    for (auto* operation : group) {
      if (!operation->failure) operation->failure = std::make_exception_ptr(error);
    }
  }
  if (!connection_->autocommit()) connection_->control(Control::rollback);
}

/// After a failed fsync the kernel may have dropped the pages that it could not write and report
/// success next time: nothing on this machine can tell any more what is on the disk. Recovery from
/// the log on the next start can.
void Writer::end_process_if_not_synced(Error const& error) const {
  auto const code = connection_->extended_code();
  if (code != SQLITE_IOERR_FSYNC && code != SQLITE_IOERR_DIR_FSYNC) return;
  log::error(
      fmt::format("The disk did not confirm a write ({}). The process ends: only a restart can "
                  "tell what is stored.",
                  error.what()));
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

void Writer::checkpoint_if_due() {
  auto const is_long = wal_pages_ >= kCheckpointPages;
  readers_.let_log_restart(is_long);
  if (!is_long) return;
  auto const mode =
      wal_pages_ >= kRestartPages ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
  sqlite3_busy_timeout(connection_->handle(), 100);
  auto const code =
      sqlite3_wal_checkpoint_v2(connection_->handle(), nullptr, mode, nullptr, nullptr);
  sqlite3_busy_timeout(connection_->handle(), 5'000);
  if (code == SQLITE_OK) {
    wal_pages_ = 0;  // the next commit says how long the log is
  } else if ((code & 0xFF) != SQLITE_BUSY) {
    auto const error = connection_->last_error();
    end_process_if_not_synced(error);
    log::warning(
        fmt::format("The write-ahead log could not be copied into the database: {}", error.what()));
  }
}

}  // namespace minga::sql::sqlite
