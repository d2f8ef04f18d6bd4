#include "server/progress.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <unistd.h>

namespace minga::server {

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(std::string_view line) {
  auto const now = Clock::now();
  auto const every = terminal_ ? std::chrono::milliseconds{200} : std::chrono::milliseconds{5'000};
  if (now - last_ < every) return;
  last_ = now;
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ ? "" : "\n");
  std::fflush(stderr);
}

void ProgressLine::end() const {
  if (terminal_) fmt::print(stderr, "\r\033[K");
}

}  // namespace minga::server
