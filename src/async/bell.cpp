#include "async/bell.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace minga {

void Bell::ring() {
  if (rung_.exchange(true)) return;
  boost::asio::post(home_, [self = shared_from_this()] { self->timer_.cancel(); });
}

Async<void> Bell::wait(Clock::duration longest) {
  timer_.expires_after(longest);
  if (!rung_.exchange(false)) {
    boost::system::error_code woken;  // by the ring, or by the caller's cancellation
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, woken);
    co_await timer_.async_wait(token);
  }
  rung_ = false;
  // Where the caller was cancelled this throws.
  co_await boost::asio::post(home_, boost::asio::use_awaitable);
}

}  // namespace minga
