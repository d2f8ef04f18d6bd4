#pragma once

#include <minga/async.hpp>
#include <minga/error.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <variant>

namespace minga {

inline constexpr Deadline kNoDeadline = Deadline::max();

inline bool has_passed(Deadline deadline) {
  return deadline != kNoDeadline && Clock::now() >= deadline;
}

/// The answer past a deadline: Error 503 with Retry-After.
Error deadline_error();

/// Waits on the caller's I/O thread.
Async<void> sleep_until(Deadline when);
Async<void> sleep_for(Clock::duration duration);

namespace detail {

/// What an operation ended with. Of two awaitables joined by ||, one that throws is passed over:
/// as a value, its failure ends the waiting like a result.
template <class T>
struct Ending {
  std::exception_ptr failure;
  std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> result;
};

template <class T>
Async<Ending<T>> ending_of(Async<T> operation) {
  Ending<T> ending;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(operation);
      ending.result.emplace();
    } else {
      ending.result.emplace(co_await std::move(operation));
    }
  } catch (...) {
    ending.failure = std::current_exception();
  }
  co_return ending;
}

}  // namespace detail

/// Awaits the operation until the deadline; past it the operation is cancelled, waited for, and
/// deadline_error() thrown. What the operation throws passes at once.
template <class T>
Async<T> with_deadline(Deadline deadline, Async<T> operation) {
  using namespace boost::asio::experimental::awaitable_operators;
  if (deadline == kNoDeadline) co_return co_await std::move(operation);
  if (has_passed(deadline)) throw deadline_error();
  auto ending = detail::ending_of(std::move(operation));
  auto timer = sleep_until(deadline);
  auto outcome = co_await (std::move(ending) || std::move(timer));
  if (outcome.index() == 1) throw deadline_error();
  auto& ended = std::get<0>(outcome);
  if (ended.failure) std::rethrow_exception(ended.failure);
  if constexpr (!std::is_void_v<T>) co_return std::move(*ended.result);
}

}  // namespace minga
