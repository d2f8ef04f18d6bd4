#pragma once

#include "sql/postgres/pool.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace minga::sql::postgres {

/// A connection that is at a group for longer than this is busy: others take what comes.
inline constexpr std::chrono::milliseconds kSlow{10};
/// How long a server that was asked to cancel may take.
inline constexpr std::chrono::seconds kCancelGrace{3};

inline bool is_busy(Connection const& connection, Clock::time_point now) {
  auto const* oldest = connection.oldest();
  return oldest != nullptr && (oldest->is_slow || now - oldest->begun_at > kSlow);
}

/// A group whose commit nobody has confirmed.
struct Pool::Doubt {
  struct Member {
    Operation* operation;  // null: answered already
    Deadline until;
    std::vector<Rows> rows;  // of its statements, where they came before the loss
  };
  Mark mark;
  Error why;
  std::vector<Member> members;
};

/// Statements of several callers, in one transaction of the server's.
class Pool::Group : public Batch {
 public:
  struct Member {
    Operation* operation;  // null: answered already
    std::size_t first;     // of its items
  };

  explicit Group(Pool& pool) : pool_(pool) {}
  void finished() override { pool_.finish(*this); }
  void leave_late(Clock::time_point now) override { pool_.leave_late(*this, now); }
  bool is_awaited() const override {
    return std::any_of(members.begin(), members.end(),
                       [](auto const& member) { return member.operation != nullptr; });
  }

  void add(Operation& operation) {
    members.push_back({&operation, items.size()});
    for (auto const& statement : operation.statements) {
      Item item{};
      item.statement = &statement;
      items.push_back(std::move(item));
    }
    look_after(operation);
  }

  /// A read that is here already is done once for all who ask the same: each of them began before
  /// any of it is sent.
  void add_read(Operation& operation) {
    auto const same = find(operation);
    if (same == items.end()) {
      add(operation);
      return;
    }
    members.push_back({&operation, static_cast<std::size_t>(same - items.begin())});
    look_after(operation);
  }

  /// A read that may join without another statement; any, while there is none.
  bool takes(Operation const& operation) {
    return items.empty() || (!operation.is_alone && find(operation) != items.end());
  }

  /// Nobody waits for that member's rows any more.
  void leave(Member& member) {
    auto const count = std::exchange(member.operation, nullptr)->statements.size();
    for (auto item = member.first; item < member.first + count; ++item) {
      items[item].is_wanted = std::any_of(members.begin(), members.end(), [&](auto& each) {
        return each.operation != nullptr && each.first <= item &&
               item < each.first + each.operation->statements.size();
      });
    }
  }

  std::vector<Member> members;
  std::shared_ptr<Doubt> doubt;

 private:
  /// Several statements belong together: what the first tells holds for what is sent behind it.
  std::vector<Item>::iterator find(Operation const& operation) {
    if (operation.statements.size() > 1) return items.end();
    auto const& statement = operation.statements.front();
    return std::find_if(items.begin(), items.end(), [&](Item const& item) {
      return !statement.is_volatile && item.statement->values == statement.values &&
             item.statement->sql == statement.sql;
    });
  }

  void look_after(Operation const& operation) {
    cancel_at = std::min(cancel_at, operation.deadline);
    if (cancel_at != kNoDeadline) give_up_at = cancel_at + kCancelGrace;
  }

  Pool& pool_;
};

}  // namespace minga::sql::postgres
