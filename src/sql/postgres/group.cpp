#include "sql/postgres/group.hpp"

#include <utility>

namespace minga::sql::postgres {
namespace {

/// Of one statement, after failures that another run may mend.
constexpr int kAttempts = 10;

}  // namespace

void Pool::finish(Group& group) {
  counts_.operations.Increment(static_cast<double>(group.operations.size()));
  for (std::size_t i = 0; i < group.operations.size(); ++i) {
    if (group.operations[i] != nullptr) settle(*group.operations[i], group, group.items[i]);
  }
  auto const again = std::exchange(to_repeat_, {});
  statements_.insert(statements_.begin(), again.begin(), again.end());
  wake();
}

void Pool::settle(Operation& operation, Group& group, Batch::Item& item) {
  if (item.is_outdated) {
    repeat(operation, item.failure->error, false);
  } else if (item.failure) {
    settle_failure(operation, *item.failure);
  } else if (group.commit_failure && group.operations.size() == 1) {
    settle_failure(operation, *group.commit_failure);
  } else if (group.is_undone) {
    repeat(operation, connection_lost("Its transaction was undone."), !group.loss);
  } else if (group.loss && access_ == Access::read) {
    repeat(operation, *group.loss, false);
  } else if (group.loss) {
    operation.fail(in_doubt(fmt::format(
        "The connection was lost before the server confirmed a write: {}", group.loss->what())));
  } else if (group.is_unreplicated) {
    operation.fail(in_doubt("A write was committed, but no standby has confirmed it."));
  } else {
    operation.rows = std::move(item.rows);
    operation.complete();
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
void Pool::repeat(Operation& operation, Error const& why, bool alone) {
  if (has_passed(operation.deadline)) {
    operation.fail(past_deadline("The statement was cancelled at its deadline."));
  } else if (++operation.attempts >= kAttempts && why.code() != ErrorCode::connection_lost) {
    operation.fail(why);
  } else {
    counts_.repeated.Increment();
    operation.is_alone = alone;
    to_repeat_.push_back(&operation);
  }
}

/// A read needs no answer of the server's to be given up.
void Pool::expire_reads(Connection& connection, Clock::time_point now) {
  connection.for_each_batch([now](Batch& batch) {
    auto& group = static_cast<Group&>(batch);
    for (std::size_t i = 0; i < group.operations.size(); ++i) {
      if (group.operations[i] == nullptr || now < group.operations[i]->deadline) continue;
      group.items[i].is_wanted = false;
      std::exchange(group.operations[i], nullptr)
          ->fail(past_deadline("The read was given up at its deadline."));
    }
  });
}

/// The primary has become a standby under us.
void Pool::drop_read_only() {
  if (access_ == Access::read) return;
  auto const connections = connections_;
  for (auto const& each : connections) {
    if (each->was_read_only() && !each->is_lent)
      each->give_up(connection_lost("The server has become read-only."));
  }
}

}  // namespace minga::sql::postgres
