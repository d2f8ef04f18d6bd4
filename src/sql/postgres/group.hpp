#pragma once

#include "sql/postgres/pool.hpp"

#include <algorithm>
#include <vector>

namespace minga::sql::postgres {

/// A connection whose oldest group is older than this is busy: others take what comes.
inline constexpr std::chrono::milliseconds kSlow{10};
/// How long a server that was asked to cancel may take.
inline constexpr std::chrono::seconds kCancelGrace{3};

inline bool is_busy(Connection const& connection, Clock::time_point now) {
  auto const* oldest = connection.oldest();
  return oldest != nullptr && (oldest->is_slow || now - oldest->sent_at > kSlow);
}

/// Statements of several callers, in one transaction of the server's.
class Pool::Group : public Batch {
 public:
  explicit Group(Pool& pool) : pool_(pool) {}
  void finished() override { pool_.finish(*this); }

  void add(Operation& operation) {
    members.push_back({&operation, items.size()});
    for (auto const& statement : operation.statements) {
      Item item{};
      item.statement = &statement;
      items.push_back(std::move(item));
    }
    cancel_at = std::min(cancel_at, operation.deadline);
    if (cancel_at != kNoDeadline) give_up_at = cancel_at + kCancelGrace;
  }

  struct Member {
    Operation* operation;  // null: answered already
    std::size_t first;     // of its items
  };
  std::vector<Member> members;

 private:
  Pool& pool_;
};

}  // namespace minga::sql::postgres
