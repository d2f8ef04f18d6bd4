#include "cluster/wall_clock.hpp"

namespace minga::cluster {
namespace {

/// Of a process that was paused between two readings these say nothing.
constexpr std::chrono::milliseconds kTogether{100};

}  // namespace

std::optional<std::chrono::milliseconds> WallClock::set_back() {
  auto const before = std::chrono::steady_clock::now();
  auto const wall = std::chrono::system_clock::now();
  return set_back(before, wall, std::chrono::steady_clock::now());
}

std::optional<std::chrono::milliseconds> WallClock::set_back(Steady before, Wall wall,
                                                             Steady after) {
  if (after - before > kTogether) return std::nullopt;
  auto const now = wall.time_since_epoch() - before.time_since_epoch();
  auto const last = offset_.value_or(now);
  offset_ = now;
  if (last - now <= kHarmless) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(last - now);
}

}  // namespace minga::cluster
