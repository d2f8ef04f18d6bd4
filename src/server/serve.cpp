#include "base/logging.hpp"
#include "server/commands.hpp"
#include "server/instance.hpp"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
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

bool ends_within(std::stop_token const& ended, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any changed;
  auto const never = [] {
    return false;
  };
  changed.wait_for(lock, ended, time, never);
  return ended.stop_requested();
}

/// Sees to it that the process ends, from its own thread, while another lets everything end that
/// runs.
///
/// A second signal ends it at once, as a person who presses Ctrl-C twice expects; but one that
/// comes with the first is the same wish: timeout(1) sends two, a terminal and a program between
/// send one each. And what has not ended long after it should have, ends with the process: libpq's
/// cancel waits without a bound for a server that is paused.
void bound_the_end(std::stop_token const& ended, StopSignals& signals,
                   std::chrono::milliseconds drain_timeout) {
  constexpr std::chrono::seconds kOneWish{1};
  constexpr std::chrono::seconds kUnwinding{10};  // of what was cancelled when the drain was over
  if (ends_within(ended, kOneWish)) return;
  signals.release();  // this thread takes the signal
  if (ends_within(ended, drain_timeout + kUnwinding - kOneWish)) return;
  log::error(
      fmt::format("Not all has ended within {} s: the process ends now. Every write that was "
                  "acknowledged is stored.",
                  std::chrono::duration<double>(drain_timeout + kUnwinding).count()));
  log::flush();
  std::_Exit(EXIT_FAILURE);
}

}  // namespace

int serve(Settings settings, std::vector<Application> const& applications) {
  StopSignals signals;
  log::start(settings.log_format, settings.log_level);
  auto const drain_timeout = settings.http.drain_timeout;
  auto instance = std::make_unique<Instance>(std::move(settings), applications);
  fmt::print("{}\n", instance->url());
  std::fflush(stdout);
  auto const* signal = signals.wait();
  log::info(fmt::format("{}: finishing what runs, then stopping", signal));
  std::jthread const bound([&signals, drain_timeout](std::stop_token const& ended) {
    bound_the_end(ended, signals, drain_timeout);
  });
  instance.reset();
  log::flush();
  return 0;
}

}  // namespace minga::server
