#pragma once

#include <minga/async.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <memory>

namespace minga {

/// Wakes one coroutine from any thread; many rings are one. Shared, so that who rings it may
/// outlive who waits.
class Bell : public std::enable_shared_from_this<Bell> {
 public:
  /// `home` is where the coroutine runs.
  explicit Bell(boost::asio::io_context& home) : home_(home), timer_(home) {}

  void ring();
  /// Returns after a ring, one since the last wait too, or when `longest` has passed. On `home`.
  Async<void> wait(Clock::duration longest);

 private:
  boost::asio::io_context& home_;
  boost::asio::steady_timer timer_;
  std::atomic<bool> rung_ = false;
};

}  // namespace minga
