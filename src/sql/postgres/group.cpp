#include "sql/postgres/group.hpp"

#include "sql/postgres/doubt.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace minga::sql::postgres {
namespace {

/// Of one statement, after failures that another run may mend.
constexpr int kAttempts = 10;
constexpr std::size_t kSlowTexts = 1'000;

}  // namespace

void Pool::finish(Group& group) {
  counts_.operations.Increment(static_cast<double>(group.members.size()));
  if (access_ == Access::read)
    counts_.primary_reads.Increment(static_cast<double>(group.members.size()));
  if (reads()) learn_pace(group);
  for (auto const& member : group.members) {
    if (member.operation == nullptr) continue;
    std::span const items(&group.items[member.first], member.operation->statements.size());
    settle(*member.operation, group, items);
  }
  if (group.doubt) {
    doubts_.push_back(group.doubt);
    tasks_.spawn(resolve_doubt(group.doubt));
  }
  take_up_repeated();
}

void Pool::take_up_repeated() {
  auto again = std::exchange(to_repeat_, {});
  auto const is_wanted = [](auto const* operation) {
    return !operation->is_cancelled;
  };
  auto const cancelled = std::stable_partition(again.begin(), again.end(), is_wanted);
  statements_.insert(statements_.begin(), again.begin(), cancelled);
  wake();
  std::for_each(cancelled, again.end(), [](auto* operation) { operation->fail_cancelled(); });
}

/// All of a slow group are suspected; each that is fast alone is cleared.
void Pool::learn_pace(Group const& group) {
  if (group.begun_at == Clock::time_point{}) return;  // it was lost before
  auto const taken = Clock::now() - group.begun_at;
  auto const is_slow = taken > kSlow;
  if (!is_slow) pace_ += (taken / static_cast<std::int64_t>(group.items.size()) - pace_) / 8;
  if (!is_slow && slow_texts_.empty()) return;
  if (slow_texts_.size() > kSlowTexts) slow_texts_.clear();
  for (auto const& member : group.members) {
    if (member.operation == nullptr) continue;
    auto const& text = member.operation->text();
    if (is_slow) {
      slow_texts_.insert(text);
    } else if (group.items.size() == member.operation->statements.size()) {
      clear_slow(text);
    }
  }
}

void Pool::clear_slow(std::string const& text) {
  if (slow_texts_.erase(text) == 0) return;
  auto const is_slow = [this](auto const* operation) {
    return slow_texts_.contains(operation->text());
  };
  auto const cleared =
      std::stable_partition(slow_statements_.begin(), slow_statements_.end(), is_slow);
  statements_.insert(statements_.end(), cleared, slow_statements_.end());
  slow_statements_.erase(cleared, slow_statements_.end());
}

void Pool::settle(Operation& operation, Group& group, std::span<Batch::Item> items) {
  auto const failed = std::find_if(items.begin(), items.end(),
                                   [](auto const& item) { return item.failure.has_value(); });
  if (failed != items.end() && failed->is_outdated) {
    repeat(operation, failed->failure->error, false);
  } else if (failed != items.end()) {
    settle_failure(operation, *failed->failure);
  } else if (group.commit_failure && group.members.size() == 1) {
    settle_failure(operation, *group.commit_failure);
  } else if (group.is_undone) {
    repeat(operation, connection_lost("Its transaction was undone."), !group.loss);
  } else if (group.loss && reads()) {
    repeat(operation, *group.loss, false);
  } else if (group.loss) {
    doubt(operation, group, items,
          in_doubt(fmt::format("The connection was lost before the server confirmed a write: {}",
                               group.loss->what())));
  } else if (group.is_unreplicated) {
    doubt(operation, group, items,
          in_doubt("A write was committed, but no standby has confirmed it."));
  } else {
    operation.rows.clear();
    for (auto const& item : items) operation.rows.push_back(item.rows);
    operation.complete();
  }
}

/// The members of one group are committed, or not, together.
void Pool::doubt(Operation& operation, Group& group, std::span<Batch::Item> items,
                 Error const& why) {
  if (!group.mark || has_passed(operation.deadline)) {
    operation.fail(why);
    return;
  }
  if (!group.doubt) group.doubt = std::make_shared<Doubt>(Doubt{*group.mark, why, {}});
  Doubt::Member member{&operation, patience_until(operation.deadline), {}};
  auto const is_known = [](auto const& item) {
    return item.is_done;
  };
  if (std::all_of(items.begin(), items.end(), is_known)) {
    for (auto& item : items) member.rows.push_back(std::move(item.rows));
  }
  group.doubt->members.push_back(std::move(member));
}

Async<void> Pool::resolve_doubt(std::shared_ptr<Doubt> doubt) {
  Entered const entered(*this);
  Deadline last = Deadline::min();
  for (auto const& member : doubt->members) last = std::max(last, member.until);
  auto const verdict = co_await resolve(*this, doubt->mark, last);
  std::erase(doubts_, doubt);
  for (auto& member : doubt->members) {
    if (member.operation != nullptr)
      settle_doubt(*std::exchange(member.operation, nullptr), member.rows, verdict, doubt->why);
  }
  take_up_repeated();
}

void Pool::settle_doubt(Operation& operation, std::vector<Rows>& rows, Verdict verdict,
                        Error const& why) {
  if (verdict == Verdict::unknown) {
    operation.fail(why);
  } else if (verdict == Verdict::undone) {
    repeat(operation, connection_lost(why.what()), false);
  } else if (rows.size() == operation.statements.size()) {
    operation.rows = std::move(rows);
    operation.complete();
  } else {
    operation.fail(
        answer_lost(fmt::format("A write was committed, what it gave is lost: {}", why.what())));
  }
}

void Pool::expire_doubts(Clock::time_point now) {
  for (auto const& doubt : doubts_) {
    for (auto& member : doubt->members) {
      if (member.operation != nullptr && now >= member.until)
        std::exchange(member.operation, nullptr)->fail(doubt->why);
    }
  }
}

void Pool::settle_failure(Operation& operation, Failure const& failure) {
  auto const moved = failure.sqlstate == kReadOnlyTransaction && access_ == Access::write;
  auto const passing = failure.is_fatal || moved || failure.sqlstate == kQueryCancelled ||
                       failure.error.code() == ErrorCode::serialization_failure;
  if (passing) {
    repeat(operation, failure.error, true);
  } else {
    operation.fail(failure.error);
  }
}

/// Nothing of it was done. A statement that was cancelled for another's sake is run again, too.
/// What a standby could not do another server does.
void Pool::repeat(Operation& operation, Error const& why, bool alone) {
  if (has_passed(operation.deadline)) {
    operation.fail(past_deadline("The statement was cancelled at its deadline."));
  } else if (++operation.attempts >= kAttempts || access_ == Access::replica) {
    operation.fail(why);
  } else {
    counts_.repeated.Increment();
    operation.is_alone = alone;
    to_repeat_.push_back(&operation);
  }
}

}  // namespace minga::sql::postgres
