#pragma once

#include <minga/async.hpp>
#include <minga/error.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

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

/// Awaits the operation until the deadline; past it the operation is cancelled, waited for, and
/// deadline_error() thrown.
template <class T>
Async<T> with_deadline(Deadline deadline, Async<T> operation) {
  using namespace boost::asio::experimental::awaitable_operators;
  if (deadline == kNoDeadline) co_return co_await std::move(operation);
  if (has_passed(deadline)) throw deadline_error();
  auto timer = sleep_until(deadline);
  auto outcome = co_await (std::move(operation) || std::move(timer));
  if (outcome.index() == 1) throw deadline_error();
  if constexpr (!std::is_void_v<T>) co_return std::get<0>(std::move(outcome));
}

}  // namespace minga
