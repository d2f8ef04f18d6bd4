#include "cluster/leader_watch.hpp"

#include "async/deadline.hpp"
#include "cluster/attempt.hpp"
#include "cluster/sync_key.hpp"

#include <utility>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kCall = 2s;
constexpr auto kChange = 30s;  // the primary writes its key in each turn, of 10 s at most
constexpr auto kBetweenCalls = 250ms;
constexpr int kCalls = 12;  // by then the others have followed, or were rewound
constexpr auto kAgain = 1s;

}  // namespace

LeaderWatch::LeaderWatch(EtcdKey const& leader, EtcdKey const& sync, Patroni const& patroni,
                         std::string member)
    : leader_(leader), sync_(sync), patroni_(patroni), member_(std::move(member)) {}

Async<void> LeaderWatch::run() {
  for (;;) {
    co_await attempt("the leader is not watched", watch());
    co_await sleep_for(kAgain);
  }
}

/// Until something goes wrong.
Async<void> LeaderWatch::watch() {
  auto now = co_await leader_.get(Clock::now() + kCall);
  co_await see(std::move(now));
  for (;;) {
    auto next = co_await leader_.next(seen_.index, Clock::now() + kChange);
    co_await see(std::move(next));
  }
}

Async<void> LeaderWatch::see(EtcdKey::Value value) {
  auto const before = std::exchange(seen_, std::move(value));
  auto const is_first = before.index == 0;
  if (is_first || seen_.text == before.text) co_return;
  auto const concerned = co_await is_concerned();
  if (!concerned) co_return;
  // One look is seldom enough: a standby can follow the next primary once that is promoted, or be
  // rewound once it has written a checkpoint.
  for (int call = 0; call < kCalls; ++call) {
    if (call > 0) co_await sleep_for(kBetweenCalls);
    co_await wake();
  }
}

/// Who may not follow asks the others how far they are all the same, and a primary that has just
/// given up its place answers after two seconds: it would follow the next one that much later.
Async<bool> LeaderWatch::is_concerned() const {
  auto const was_given_up = seen_.text.empty() && !seen_.has_expired;
  if (!was_given_up) co_return true;
  co_return co_await may_lead(sync_, member_, Clock::now() + kCall);
}

Async<void> LeaderWatch::wake() const {
  co_await attempt("Patroni is not woken", patroni_.wake(Clock::now() + kCall));
}

}  // namespace minga::cluster
