// What the pool does as time passes: deadlines of what waits and of what runs.
#include "base/logging.hpp"
#include "sql/postgres/group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

constexpr std::chrono::milliseconds kTick{25};
constexpr std::chrono::milliseconds kCancelAgain{500};

}  // namespace

/// While anything is under way its deadlines are looked at, many times a second.
void Pool::watch() {
  if (is_ticking_) return;
  auto const is_running = [](auto const& each) {
    return each->batches() > 0;
  };
  if (statements_.empty() && slow_statements_.empty() && borrowers_.empty() && doubts_.empty() &&
      std::none_of(connections_.begin(), connections_.end(), is_running))
    return;
  is_ticking_ = true;
  timer_.expires_after(kTick);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

void Pool::tick() {
  is_ticking_ = false;
  auto const now = Clock::now();
  expire_waiting(now);
  expire_doubts(now);
  expire_running(now);
  probe_if_silent(now);
  counts_.waiting.Set(
      static_cast<double>(statements_.size() + slow_statements_.size() + borrowers_.size()));
  pump();
}

void Pool::expire_waiting(Clock::time_point now) {
  std::vector<Operation*> expired;
  for (auto* queue : {&statements_, &slow_statements_, &borrowers_}) {
    auto const is_late = [&](Operation* operation) {
      if (now < operation->patience) return false;
      expired.push_back(operation);
      return true;
    };
    queue->erase(std::remove_if(queue->begin(), queue->end(), is_late), queue->end());
  }
  for (auto* operation : expired) {
    if (now >= operation->deadline) {
      operation->fail(past_deadline("The deadline passed before a connection was free."));
    } else {
      operation->fail(connection_lost(fmt::format("No server of {} could do it for {} ms. {}",
                                                  settings_.description(),
                                                  options_.patience.count(), last_refusal_)));
    }
  }
}

void Pool::expire_running(Clock::time_point now) {
  auto const connections = connections_;  // giving one up takes it out
  for (auto const& connection : connections) {
    if (reads()) expire_reads(*connection, now);
    auto* oldest = connection->oldest();
    if (oldest == nullptr) continue;
    if (oldest->is_committing()) {
      oldest->leave_late(now);
    } else if (now >= oldest->give_up_at) {
      connection->give_up(connection_lost("The server did not answer in time."));
    } else if (now >= oldest->cancel_at && !connection->is_cancelling) {
      oldest->cancel_at = now + kCancelAgain;
      cancel(connection);
    }
  }
}

/// A read needs no answer of the server's to be given up.
void Pool::expire_reads(Connection& connection, Clock::time_point now) {
  connection.for_each_batch([now](Batch& batch) {
    auto& group = static_cast<Group&>(batch);
    for (auto& member : group.members) {
      if (member.operation == nullptr || now < member.operation->deadline) continue;
      auto& operation = *member.operation;
      group.leave(member);
      operation.fail(past_deadline("The read was given up at its deadline."));
    }
  });
}

/// The connection is kept for the server's answer: one that is closed would leave the session
/// behind it waiting, and the next would be opened, and left likewise.
void Pool::leave_late(Group& group, Clock::time_point now) {
  auto const was_awaited = group.is_awaited();
  for (auto& member : group.members) {
    if (member.operation == nullptr || now < member.operation->deadline) continue;
    auto& operation = *member.operation;
    group.leave(member);
    operation.fail(in_doubt("The deadline passed before the server confirmed a write."));
  }
  if (was_awaited && !group.is_awaited()) count_late_commit();
}

void Pool::count_late_commit() {
  counts_.late_commits.Increment();
  log::warning(
      "A commit was not confirmed by its deadline: the primary waits for its standby, or is away. "
      "Its connection is kept for the answer.");
}

void Pool::cancel(std::shared_ptr<Connection> const& connection) {
  counts_.cancels.Increment();
  connection->is_cancelling = true;
  tasks_.spawn(send_cancel(connection));
}

/// libpq's cancel blocks. Until it has returned nothing more is sent, so that what it hits was sent
/// before; what it hits by mistake is run again.
Async<void> Pool::send_cancel(std::shared_ptr<Connection> connection) {
  std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> const request(connection->cancel_handle(),
                                                                   &PQfreeCancel);
  std::string failure;
  auto work = [&request, &failure] {
    std::array<char, 256> said{};
    if (request == nullptr || PQcancel(request.get(), said.data(), said.size()) == 0)
      failure = said.data();
  };
  try {
    co_await cancels_.run(work);
  } catch (minga::Error const& error) {
    failure = error.message();
  }
  connection->is_cancelling = false;
  if (!failure.empty())
    log::warning(fmt::format("A statement could not be cancelled: {}", failure));
  wake();
}

}  // namespace minga::sql::postgres
