#include "async/deadline.hpp"

namespace minga {

Error deadline_error() {
  return Error::unavailable("The request could not be answered in time. Please try again.");
}

Async<void> sleep_until(Deadline when) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, when);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

Async<void> sleep_for(Clock::duration duration) {
  return sleep_until(Clock::now() + duration);
}

}  // namespace minga
