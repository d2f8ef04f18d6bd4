#include "sql/postgres/replicas.hpp"

#include "base/logging.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstPause = 2ms;
constexpr auto kLongestPause = 20ms;

/// Sent before a read, and seen before it: what is there by then is there for the read. $1: no
/// transaction up to that one is under way any more. $2: nor is this one, which what is older may
/// outlast. A standby knows a transaction as ended once it has replayed the end; one whose status
/// is forgotten ended long ago.
constexpr std::string_view kHasSeen =
    "SELECT $1 < pg_snapshot_xmin(now)::text::bigint AND ($2 < pg_snapshot_xmin(now)::text::bigint "
    "OR ($2 < pg_snapshot_xmax(now)::text::bigint AND "
    "COALESCE(pg_xact_status($2::text::xid8), '') <> 'in progress')){} "
    "FROM pg_current_snapshot() AS now";

/// $3: it has followed a primary of that timeline. One that was a primary itself, or followed one,
/// may have other transactions by these numbers, until it is rewound.
constexpr std::string_view kHasFollowed =
    " AND EXISTS (SELECT 1 FROM _writers WHERE timeline >= $3)";

Statement condition_of(Reached const& after, Deadline deadline) {
  Params values{after.all_until, after.own};
  auto const is_first = after.timeline <= 1;  // then no others were ever given
  if (!is_first) values.emplace_back(after.timeline);
  return {fmt::format(kHasSeen, is_first ? "" : kHasFollowed), std::move(values), deadline};
}

}  // namespace

/// One read, from one standby to the next.
struct Replicas::Attempt {
  explicit Attempt(Statement const& read) {
    statements.push_back(condition_of(read.replica->after, read.deadline));
    statements.push_back(read);
  }
  std::span<Statement const> condition() const { return {statements.data(), 1}; }
  std::span<Statement const> whole() const {
    auto const all = std::span(statements);
    return statements[1].replica->after.is_nothing() ? all.subspan(1) : all;
  }

  std::vector<Statement> statements;  // the condition, the read
  std::optional<Rows> rows;
  bool is_behind = false;   // a standby has not seen enough
  bool was_behind = false;  // before: the read is worth its time only when the condition holds
};

Replicas::Replicas(boost::asio::io_context& context, Settings const& settings,
                   Options const& options, BlockingPool& cancels, Whereabouts& whereabouts,
                   Counts& counts, Standbys& standbys)
    : context_(context),
      settings_(settings),
      options_(options),
      cancels_(cancels),
      whereabouts_(whereabouts),
      counts_(counts),
      standbys_(standbys),
      pools_(settings.hosts().size()) {}

Async<std::optional<Rows>> Replicas::read(Statement const& statement) {
  auto& reads = *statement.replica;
  standbys_.start();
  if (reads.is_on_primary) co_return std::nullopt;
  Attempt attempt(statement);
  auto const last = std::min(statement.deadline, Clock::now() + options_.replica_wait);
  for (Clock::duration pause = kFirstPause;;
       pause = std::min<Clock::duration>(2 * pause, kLongestPause)) {
    auto const is_done = co_await ask_all(hosts_for(reads), attempt);
    if (is_done) co_return std::move(attempt.rows);
    if (!attempt.is_behind || Clock::now() + pause > last) break;
    co_await sleep_for(pause);
  }
  (attempt.is_behind ? counts_.behind : counts_.no_replica).Increment();
  reads.is_on_primary = true;
  co_return std::nullopt;
}

/// Evenly, each read beginning with another one.
std::vector<std::size_t> Replicas::hosts_for(ReplicaReads const& reads) {
  std::vector<std::size_t> hosts;
  for (std::size_t host = 0; host < pools_.size(); ++host) {
    if (standbys_.is_good(host) && reads.server.value_or(host) == host) hosts.push_back(host);
  }
  if (hosts.size() > 1) {
    auto const first = next_++ % hosts.size();
    std::rotate(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(first), hosts.end());
  }
  return hosts;
}

Async<bool> Replicas::ask_all(std::vector<std::size_t> hosts, Attempt& attempt) {
  attempt.was_behind = std::exchange(attempt.is_behind, false);
  for (auto const host : hosts) {
    co_await ask(host, attempt);
    if (!attempt.rows) continue;
    attempt.statements[1].replica->server = host;
    counts_.replica_reads.Increment();
    co_return true;
  }
  co_return false;
}

/// What a standby could not do the primary may: only the deadline ends it.
Async<void> Replicas::ask(std::size_t host, Attempt& attempt) {
  auto& pool = pool_of(host);
  auto const run = [&pool, &attempt](Operation& operation, std::span<Statement const> statements) {
    operation.statements = statements;
    operation.deadline = attempt.statements[1].deadline;
    return pool.run(operation);
  };
  auto const has_seen = [](Operation const& operation) {
    return operation.rows.front().boolean(0, 0);
  };
  try {
    if (attempt.was_behind) {
      Operation condition;
      co_await run(condition, attempt.condition());
      attempt.is_behind |= !has_seen(condition);
      if (!has_seen(condition)) co_return;
    }
    Operation operation;
    co_await run(operation, attempt.whole());
    if (operation.rows.size() > 1 && !has_seen(operation)) {
      attempt.is_behind = true;
    } else {
      attempt.rows = std::move(operation.rows.back());
    }
  } catch (Error const& error) {
    if (has_passed(attempt.statements[1].deadline)) throw;
    log::debug(fmt::format("A standby could not answer a read: {}", error.what()));
  }
}

Pool& Replicas::pool_of(std::size_t host) {
  auto& pool = pools_[host];
  if (!pool) {
    std::vector<std::size_t> only{host};
    pool = std::make_unique<Pool>(context_, settings_, options_, Access::replica, std::move(only),
                                  cancels_, whereabouts_, counts_);
  }
  return *pool;
}

void Replicas::abandon(std::size_t host, Error const& why) {
  if (pools_[host]) pools_[host]->abandon(why);
}

Async<void> Replicas::close() {
  for (auto const& pool : pools_) {
    if (pool) co_await pool->close();
  }
}

}  // namespace minga::sql::postgres
