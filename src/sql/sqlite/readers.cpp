#include "sql/sqlite/readers.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace minga::sql::sqlite {
namespace {

std::unique_ptr<Connection> connect(Options const& options) {
  auto connection = std::make_unique<Connection>(options.file, Access::read_only, options);
  connection->execute("PRAGMA cache_size = -8192");
  return connection;
}

/// A thread that reads no more must not keep the write-ahead log from beginning anew.
constexpr auto kLongestHold = std::chrono::milliseconds(100);
/// Of SQLite's virtual machine. To look up a record of a dozen fields takes fewer: to remember it
/// would cost as much.
constexpr int kStepsOfLookup = 100;

}  // namespace

Readers::Readers(IoThreads& threads, Options const& options)
    : threads_(threads),
      options_(options),
      pool_(std::make_unique<BlockingPool>("read", options.readers, options.read_queue)) {
  for (std::size_t i = 0; i < threads.size(); ++i)
    lanes_.push_back(std::make_shared<Lane>(threads.context(i)));
}

Async<Rows> Readers::run(Statement const& statement) {
  auto const thread = threads_.current();
  if (thread >= 0) {
    auto& lane = *lanes_[static_cast<std::size_t>(thread)];
    try {
      if (auto rows = run_in_lane(lane, statement)) co_return std::move(*rows);
    } catch (Error const&) {
      release(lane);  // whatever went wrong, the next read begins afresh
      throw;
    }
  }
  auto work = [this, &statement] {
    return run_in_pool(statement);
  };
  try {
    co_return co_await pool_->run(work);
  } catch (minga::Error const&) {  // its queue is full
    Error error(ErrorCode::queue_full, "Too many long reads are waiting for the database already.");
    error.retryable = true;
    throw error;
  }
}

/// Nothing when it takes longer than a read may there.
std::optional<Rows> Readers::run_in_lane(Lane& lane, Statement const& statement) {
  refresh(lane);
  if (auto rows = lane.reads.find(statement)) return rows;
  auto rows = lane.connection->run_within(statement, options_.read_budget);
  if (rows && lane.holds && lane.connection->steps() > kStepsOfLookup)
    lane.reads.keep(statement, *rows);
  return rows;
}

void Readers::refresh(Lane& lane) {
  if (!lane.connection) lane.connection = connect(options_);
  // Read before the transaction begins: what it sees is at least as new.
  auto const commits = commits_.load(std::memory_order_acquire);
  auto const restarts = log_restarts_.load(std::memory_order_relaxed);
  if (lane.holds && (restarts || lane.commits != commits)) release(lane);
  if (!lane.holds && !restarts) hold(lane, commits);
}

void Readers::hold(Lane& lane, std::uint64_t commits) {
  lane.connection->control(Control::begin);
  lane.holds = true;
  lane.commits = commits;
  if (std::exchange(lane.timed, true)) return;
  lane.timer.expires_after(kLongestHold);
  lane.timer.async_wait([held = lane.shared_from_this()](boost::system::error_code error) {
    if (error) return;  // the lane is closed
    held->timed = false;
    release(*held);
  });
}

void Readers::release(Lane& lane) {
  lane.reads.clear();
  if (!std::exchange(lane.holds, false) || lane.connection->autocommit()) return;
  try {
    lane.connection->control(Control::commit);
  } catch (Error const&) {
    lane.connection.reset();  // the next read makes another
  }
}

void Readers::let_log_restart(bool wanted) {
  if (log_restarts_.exchange(wanted) == wanted || !wanted) return;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    boost::asio::post(threads_.context(i), [lane = lanes_[i]] { release(*lane); });
}

Async<void> Readers::close_lane(Lane& lane) {
  lane.timer.cancel();
  lane.holds = false;
  lane.connection.reset();
  co_return;
}

Rows Readers::run_in_pool(Statement const& statement) {
  struct Loan {
    Readers& readers;
    std::unique_ptr<Connection> connection = readers.borrow();
    ~Loan() {
      std::lock_guard const lock(readers.mutex_);
      readers.idle_.push_back(std::move(connection));
    }
  } const loan{*this};
  return loan.connection->run(statement);
}

std::unique_ptr<Connection> Readers::borrow() {
  {
    std::lock_guard const lock(mutex_);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return connect(options_);
}

Async<void> Readers::close() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    auto task = close_lane(*lanes_[i]);
    co_await boost::asio::co_spawn(threads_.context(i), std::move(task),
                                   boost::asio::use_awaitable);
  }
}

void Readers::finish() {
  pool_.reset();
  idle_.clear();
}

}  // namespace minga::sql::sqlite
