#include "sql/sqlite/write_queue.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace minga::sql::sqlite {
namespace {

constexpr std::size_t kGroup = 512;
/// Between two looks for operations whose deadline has passed, while the writer is held.
constexpr std::chrono::milliseconds kRestingLook{50};

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

}  // namespace

Error past_deadline() {
  Error error(ErrorCode::deadline, "The deadline passed before the write began.");
  error.retryable = true;
  return error;
}

WriteQueue::WriteQueue(IoThreads& threads, Options const& options, Metrics& metrics)
    : threads_(threads),
      bound_(options.write_queue),
      joining_(options.joining),
      size_(
          metrics.gauge("minga_sqlite_write_queue", "Write operations that wait for the writer.")),
      wake_(std::make_shared<Wake>(threads.size())) {}

void WriteQueue::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  wake_->condition.notify_one();
}

Async<void> WriteQueue::run(Operation& operation) {
  return wait_for(operation, Turn::last);
}

Async<void> WriteQueue::wait_for(Operation& operation, Turn turn) {
  operation.thread = threads_.current();
  auto initiate = [this, &operation, turn](auto handler) {
    operation.executor = boost::asio::get_associated_executor(handler);
    operation.resumption = make_resumption(std::move(handler));
    if (submit(operation, turn)) return;
    boost::asio::post(operation.executor,
                      [&operation] { std::exchange(operation.resumption, nullptr)->resume(); });
  };
  co_await boost::asio::async_initiate<boost::asio::deferred_t const, void()>(
      initiate, boost::asio::deferred);
  if (operation.failure) std::rethrow_exception(operation.failure);
}

bool WriteQueue::submit(Operation& operation, Turn turn) {
  {
    std::lock_guard const lock(mutex_);
    if (stopping_) {
      operation.failure = std::make_exception_ptr(closed());
      return false;
    }
    if (turn == Turn::first) {
      waiting_.insert(waiting_.begin(), &operation);
      is_held_ = false;
    } else if (waiting_.size() >= bound_) {
      Error error(ErrorCode::queue_full,
                  fmt::format("{} writes are waiting for the database already.", bound_));
      error.retryable = true;
      operation.failure = std::make_exception_ptr(error);
      return false;
    } else {
      waiting_.push_back(&operation);
    }
  }
  wake_soon();
  return true;
}

/// An I/O thread wakes the writer once for all that it has at hand, so that the writes among that
/// come in one group.
void WriteQueue::wake_soon() {
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

Async<std::uint64_t> WriteQueue::hold(Deadline deadline) {
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

void WriteQueue::let_go(std::uint64_t number) {
  {
    std::lock_guard const lock(mutex_);
    if (number != holds_) return;  // its time has passed, and another came
    is_held_ = false;
  }
  wake_->condition.notify_one();
}

Async<void> WriteQueue::let_go_with(Operation& operation) {
  return wait_for(operation, Turn::first);
}

/// While it is held, operations whose deadlines pass are answered.
void WriteQueue::rest(std::unique_lock<std::mutex>& lock) {
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
    answer(answered);
    lock.lock();
  }
  if (holder_ == nullptr) return;
  holder_->failure = std::make_exception_ptr(closed());  // it is stopping
  std::vector<Operation*> const refused{std::exchange(holder_, nullptr)};
  answer(refused);
}

void WriteQueue::expire_waiting(std::vector<Operation*>& expired) {
  auto const is_late = [](Operation const* operation) {
    return has_passed(operation->deadline);
  };
  auto const first = std::stable_partition(waiting_.begin(), waiting_.end(), std::not_fn(is_late));
  for (auto each = first; each != waiting_.end(); ++each) {
    (*each)->failure = std::make_exception_ptr(past_deadline());
    expired.push_back(*each);
  }
  waiting_.erase(first, waiting_.end());
}

bool WriteQueue::take(std::vector<Operation*>& group) {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_->condition.wait(lock, [this] { return stopping_ || is_held_ || !waiting_.empty(); });
    if (!is_held_ || stopping_) break;
    rest(lock);
  }
  if (holder_ != nullptr) rest(lock);
  group.clear();
  move_waiting(group);
  taken_ = Clock::now();
  return !group.empty();
}

bool WriteQueue::take_more(std::vector<Operation*>& group) {
  if (Clock::now() - taken_ >= joining_) return false;
  std::lock_guard const lock(mutex_);
  auto const size = group.size();
  if (!is_held_) move_waiting(group);
  return group.size() > size;
}

/// With the lock.
void WriteQueue::move_waiting(std::vector<Operation*>& group) {
  auto const count = std::min(waiting_.size(), kGroup - group.size());
  auto const end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
  group.insert(group.end(), waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  size_.Set(static_cast<double>(waiting_.size()));
}

void WriteQueue::answer(std::vector<Operation*> const& group) {
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
