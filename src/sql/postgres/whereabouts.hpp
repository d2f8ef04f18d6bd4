#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace minga::sql::postgres {

/// Where the primary went, as one pool has found out and the others of the process have not: idle
/// connections tell nobody that their server was replaced. For any thread.
class Whereabouts {
 public:
  struct News {
    std::uint64_t number;  // 0: there are none
    std::size_t host;      // of the settings
  };

  /// The host is the primary now, and others that the process is connected to were.
  void tell(std::size_t host) {
    auto old = state_.load();
    while (!state_.compare_exchange_weak(old, ((old >> kHostBits) + 1) << kHostBits | host)) {
    }
  }
  News last() const {
    auto const state = state_.load();
    return {state >> kHostBits, static_cast<std::size_t>(state & ((1U << kHostBits) - 1))};
  }

 private:
  static constexpr unsigned kHostBits = 16;
  std::atomic<std::uint64_t> state_ = 0;
};

}  // namespace minga::sql::postgres
