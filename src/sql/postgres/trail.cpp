#include "sql/postgres/trail.hpp"

#include <algorithm>
#include <iterator>

namespace minga::sql::postgres {

void Trail::note(Clock::time_point at, std::int64_t location) {
  while (!steps_.empty() && steps_.back().location > location) steps_.pop_back();
  steps_.push_back({at, location});
}

void Trail::forget_before(Clock::time_point at) {
  while (!steps_.empty() && steps_.front().at < at) steps_.pop_front();
}

std::optional<Clock::time_point> Trail::moment_of(std::int64_t replayed) const {
  auto const after = std::upper_bound(
      steps_.begin(), steps_.end(), replayed,
      [](std::int64_t location, Step const& step) { return location < step.location; });
  if (after == steps_.begin()) return std::nullopt;
  return std::prev(after)->at;
}

}  // namespace minga::sql::postgres
