#include "base/logging.hpp"
#include "server/commands.hpp"
#include "server/instance.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <pthread.h>
#include <signal.h>
#include <system_error>

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

  /// A second signal ends the process at once, as a person who presses Ctrl-C twice expects.
  void release() { pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

 private:
  sigset_t set_{};
};

}  // namespace

int serve(Settings settings, std::vector<Application> const& applications) {
  StopSignals signals;
  log::start(settings.log_format, settings.log_level);
  Instance instance(std::move(settings), applications);
  fmt::print("{}\n", instance.url());
  std::fflush(stdout);
  auto const* signal = signals.wait();
  log::info(fmt::format("{}: finishing what runs, then stopping", signal));
  signals.release();
  instance.stop();
  log::flush();
  return 0;
}

}  // namespace minga::server
