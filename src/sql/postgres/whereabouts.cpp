#include "sql/postgres/whereabouts.hpp"

namespace minga::sql::postgres {
namespace {

constexpr std::chrono::milliseconds kTurn{300};
constexpr unsigned kHostBits = 16;
constexpr std::uint64_t kHostMask = (1U << kHostBits) - 1;

}  // namespace

bool Whereabouts::is_newest(std::int64_t timeline, std::size_t host, Clock::time_point now) {
  std::lock_guard const lock(mutex_);
  if (timeline < timeline_ && now - seen_at_ < kReplacedFor) return false;
  if (timeline_ != 0 && timeline != timeline_)
    news_ = ((news_ >> kHostBits) + 1) << kHostBits | (host & kHostMask);
  timeline_ = timeline;
  seen_at_ = now;
  return true;
}

bool Whereabouts::take_turn(Clock::time_point now) {
  std::lock_guard const lock(mutex_);
  if (now < next_turn_) return false;
  next_turn_ = now + kTurn;
  return true;
}

Whereabouts::News Whereabouts::last() const {
  auto const news = news_.load();
  return {news >> kHostBits, static_cast<std::size_t>(news & kHostMask)};
}

}  // namespace minga::sql::postgres
