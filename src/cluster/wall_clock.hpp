#pragma once

#include <chrono>
#include <optional>

namespace minga::cluster {

/// Notices that the wall clock was set back, by the clock that only goes on.
class WallClock {
 public:
  using Wall = std::chrono::system_clock::time_point;
  using Steady = std::chrono::steady_clock::time_point;

  /// Smaller steps, as of NTP, do no harm.
  static constexpr std::chrono::seconds kHarmless{1};

  /// By how much it was set back since the last look, when by more than what is harmless.
  std::optional<std::chrono::milliseconds> set_back();
  /// The same for given readings: of the steady clock right before and after the wall's.
  std::optional<std::chrono::milliseconds> set_back(Steady before, Wall wall, Steady after);

 private:
  std::optional<std::chrono::nanoseconds> offset_;  // of the wall clock from the steady one
};

}  // namespace minga::cluster
