#pragma once

#include "async/deadline.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace minga::sql::postgres {

/// Where the primary's log was at which moment of this machine's clock: tells how old is what a
/// standby shows, whatever the servers' clocks say and however little is written.
class Trail {
 public:
  /// What had been committed by `at` stands in the log up to `location`, or before it. Moments only
  /// grow. What an earlier primary had written beyond this one's log is gone with it.
  void note(Clock::time_point at, std::int64_t location);
  void forget_before(Clock::time_point at);

  /// Who has replayed the log up to there has all that was committed by that moment. Nothing: it is
  /// older than what is known.
  std::optional<Clock::time_point> moment_of(std::int64_t replayed) const;

 private:
  struct Step {
    Clock::time_point at;
    std::int64_t location;
  };
  std::deque<Step> steps_;  // both members grow
};

}  // namespace minga::sql::postgres
