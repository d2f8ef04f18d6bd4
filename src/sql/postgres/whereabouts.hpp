#pragma once

#include "async/deadline.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace minga::sql::postgres {

/// Which server is the primary, as all pools of a process know it together: each promotion begins a
/// timeline, and a primary of an older one was replaced, whatever it takes itself for. For any
/// thread.
class Whereabouts {
 public:
  /// A primary that was replaced is ended by whoever decides who leads, and soon.
  static constexpr std::chrono::seconds kReplacedFor{60};

  struct News {
    std::uint64_t number;  // 0: there are none
    std::size_t host;      // of the settings: what is connected to another is to leave it
  };

  /// Of a host that takes writes. False where one of a newer timeline was seen within kReplacedFor.
  bool is_newest(std::int64_t timeline, std::size_t host, Clock::time_point now);
  News last() const;
  /// One at a time looks where the primary is, a few times a second.
  bool take_turn(Clock::time_point now);

 private:
  std::mutex mutex_;
  std::int64_t timeline_ = 0;
  Clock::time_point seen_at_{};
  Clock::time_point next_turn_{};
  std::atomic<std::uint64_t> news_ = 0;  // the number, and the host in its last bits
};

}  // namespace minga::sql::postgres
