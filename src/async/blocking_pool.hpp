#pragma once

#include <minga/async.hpp>
#include <minga/error.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <variant>
#include <vector>

namespace minga {

/// Threads for what would block an I/O thread: file I/O, password hashing, codecs, long reads.
/// Bounded: a full queue is Error 503 with Retry-After, at once.
class BlockingPool {
 public:
  BlockingPool(std::string name, std::size_t threads, std::size_t queue_bound);
  ~BlockingPool();  // runs what is queued, then joins
  BlockingPool(BlockingPool const&) = delete;
  BlockingPool& operator=(BlockingPool const&) = delete;

  /// Runs `work` on a pool thread and resumes the caller on its own executor with the result or the
  /// exception. Work that has begun is not interrupted by cancellation; what it captures by
  /// reference must outlive it, and does so when the caller simply awaits.
  template <class Work>
  auto run(Work work) -> Async<std::invoke_result_t<Work&>>;

  std::size_t waiting() const;

 private:
  using Job = std::function<void()>;
  /// False when the queue is full.
  bool submit(Job job);
  [[noreturn]] void refuse() const;
  void work();

  std::string name_;
  std::size_t bound_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

template <class Work>
auto BlockingPool::run(Work work) -> Async<std::invoke_result_t<Work&>> {
  using Result = std::invoke_result_t<Work&>;
  using Slot = std::conditional_t<std::is_void_v<Result>, std::monostate, std::optional<Result>>;
  Slot slot{};
  std::exception_ptr failure;
  bool refused = false;
  auto initiate = [&](auto handler) {
    auto executor = boost::asio::get_associated_executor(handler);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto guard = boost::asio::make_work_guard(executor);
    auto accepted = submit([&slot, &failure, &work, shared, guard = std::move(guard)]() mutable {
      try {
        if constexpr (std::is_void_v<Result>) {
          work();
        } else {
          slot.emplace(work());
        }
      } catch (...) {
        failure = std::current_exception();
      }
      boost::asio::post(guard.get_executor(), [shared]() mutable { std::move (*shared)(); });
    });
    if (!accepted) {
      refused = true;
      boost::asio::post(executor, [shared]() mutable { std::move (*shared)(); });
    }
  };
  co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
      initiate, boost::asio::use_awaitable);
  if (refused) refuse();
  if (failure) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<Result>) co_return std::move(*slot);
}

}  // namespace minga
