#include "base/logging.hpp"
#include "server/commands.hpp"
#include "server/instance.hpp"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <pthread.h>
#include <signal.h>
#include <stop_token>
#include <system_error>
#include <thread>

namespace minga::server {
namespace {

/// SIGTERM and SIGINT, taken off every thread that is started after it and waited for on this one.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    if (auto const error = pthread_sigmask(SIG_BLOCK, &set_, nullptr); error != 0) {
      throw std::system_error(error, std::generic_category(), "blocking SIGTERM and SIGINT");
    }
  }

  char const* wait() {
    int number = 0;
    if (auto const error = sigwait(&set_, &number); error != 0) {
      throw std::system_error(error, std::generic_category(), "waiting for SIGTERM or SIGINT");
    }
    return number == SIGTERM ? "SIGTERM" : "SIGINT";
  }

  /// From now on a signal ends the process at once. Those that have come already do nothing.
  void release() {
    timespec const now{};
    while (sigtimedwait(&set_, nullptr, &now) > 0) continue;
    pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
  }

 private:
  sigset_t set_{};
};

/// Lets a second signal end the process at once, as a person who presses Ctrl-C twice expects; but
/// one that comes with the first is the same wish: timeout(1) sends two, a terminal and a program
/// between send one each.
void release_later(std::stop_token const& ended, StopSignals& signals) {
  constexpr std::chrono::seconds kOneWish{1};
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any changed;
  auto const never = [] {
    return false;
  };
  changed.wait_for(lock, ended, kOneWish, never);
  if (ended.stop_requested()) return;
  signals.release();
  changed.wait(lock, ended, never);  // this thread takes the signal
}

}  // namespace

int serve(Settings settings, std::vector<Application> const& applications) {
  StopSignals signals;
  log::start(settings.log_format, settings.log_level);
  Instance instance(std::move(settings), applications);
  fmt::print("{}\n", instance.url());
  std::fflush(stdout);
  auto const* signal = signals.wait();
  log::info(fmt::format("{}: finishing what runs, then stopping", signal));
  std::jthread const release(
      [&signals](std::stop_token const& ended) { release_later(ended, signals); });
  instance.stop();
  log::flush();
  return 0;
}

}  // namespace minga::server
