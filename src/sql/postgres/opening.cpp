// How the pool comes to its connections, and what it does when they are lost.
#include "base/logging.hpp"
#include "sql/postgres/connecting.hpp"
#include "sql/postgres/exchange.hpp"
#include "sql/postgres/group.hpp"
#include "sql/postgres/session.hpp"
#include "sql/postgres/timeline.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;

/// After that long without an answer another primary is looked for.
constexpr auto kSilence = 1'500ms;
constexpr auto kBackoffFirst = 50ms;
constexpr auto kBackoffMost = 1'000ms;
/// A primary that is lost has a successor within seconds, and each of them counts.
constexpr auto kElection = 15s;
constexpr auto kElectionBackoff = 250ms;
/// A table that is not there yet is about to be made: asked for again after that long, then twice.
constexpr auto kIntroduceAgain = 20ms;
constexpr auto kIntroductionMost = 3s;

Statement const kTakesMarks(
    "SELECT COALESCE(has_table_privilege(relation, 'SELECT') AND has_table_privilege(relation, "
    "'INSERT') AND has_table_privilege(relation, 'UPDATE') AND has_table_privilege(relation, "
    "'DELETE'), false) FROM to_regclass('_writers') AS relation");

bool is_silent(Connection const& connection, Clock::time_point now) {
  auto const* oldest = connection.oldest();
  return oldest != nullptr && now - std::max(oldest->sent_at, connection.heard_at()) > kSilence;
}

Async<std::int64_t> ask_timeline(Handle& handle, Deadline deadline) {
  Session session(co_await boost::asio::this_coro::executor, std::move(handle));
  auto const rows = co_await session.ask(fmt::format("SELECT {}", kTimeline), deadline);
  handle = session.take();
  co_return std::stoll(rows.at(0).at(0));
}

}  // namespace

void Pool::open_more() {
  if (Clock::now() < open_again_at_) return;
  auto wanted =
      borrowers_.size() + (statements_.empty() ? 0 : 1) + (slow_statements_.empty() ? 0 : 1);
  // While no server is known to be there, one at a time looks for it.
  if (connections_.empty()) wanted = std::min<std::size_t>(wanted, 1);
  auto const busy = std::count_if(connections_.begin(), connections_.end(),
                                  [](auto const& each) { return each->is_open(); });
  while (opening_ < wanted && static_cast<std::size_t>(busy) + opening_ < bound_) {
    // A group that waits for the one before it is faster than a second connection.
    auto const now = Clock::now();
    auto const is_soon = [now](auto const& each) {
      return each->is_introducing || (!each->is_taken() && !is_busy(*each, now));
    };
    if (borrowers_.empty() && slow_statements_.empty() &&
        std::any_of(connections_.begin(), connections_.end(), is_soon))
      return;
    ++opening_;
    tasks_.spawn(open_one());
  }
}

/// Passes over a primary that was replaced and does not know it yet.
Async<Attempt> Pool::try_newest(std::vector<std::size_t>& hosts) {
  for (std::size_t tried = 0; tried < hosts.size(); ++tried) {
    auto attempt = co_await connect(settings_, access_, hosts);
    auto* handle = std::get_if<Handle>(&attempt);
    auto const is_only = settings_.hosts().size() == 1 || access_ == Access::replica;
    if (handle == nullptr || is_only) co_return attempt;
    auto const host = hosts.front();
    auto const timeline =
        co_await ask_timeline(*handle, Clock::now() + settings_.connect_timeout());
    // Others may have reordered the hosts meanwhile.
    auto const place = std::find(hosts.begin(), hosts.end(), host);
    if (whereabouts_.is_newest(timeline, host, Clock::now())) {
      std::rotate(hosts.begin(), place, place + 1);
      co_return attempt;
    }
    std::rotate(place, place + 1, hosts.end());
  }
  NoConnection replaced{connection_lost("the server was replaced as the primary")};
  replaced.has_answered = true;
  co_return replaced;
}

/// A process without descriptors to spare, say, is no reason to give up for ever.
Async<Attempt> Pool::try_hosts(std::vector<std::size_t>& hosts) {
  std::string failure;
  try {
    co_return co_await try_newest(hosts);
  } catch (boost::system::system_error const& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;
    failure = error.what();
  } catch (std::exception const& error) {
    failure = error.what();
  }
  co_return NoConnection{connection_lost(failure)};
}

Async<void> Pool::open_one() {
  auto attempt = co_await try_hosts(hosts_);
  --opening_;
  if (auto* handle = std::get_if<Handle>(&attempt)) {
    if (std::exchange(failed_openings_, 0) > 0)
      log::info(fmt::format("The database {} answers.", settings_.description()));
    adopt(std::move(*handle));
  } else {
    auto const& no = std::get<NoConnection>(attempt);
    auto const now = Clock::now();
    if (++failed_openings_ == 1) failing_since_ = now;
    auto pause = backoff(failed_openings_);
    if (now - failing_since_ < kElection)
      pause = std::min<Clock::duration>(pause, kElectionBackoff);
    open_again_at_ = now + pause;
    last_refusal_ = no.error.what();
    if (failed_openings_ == 1 || no.is_refused)
      log::warning(fmt::format("No connection to the database {}: {}", settings_.description(),
                               no.error.what()));
    // Nobody waits for a standby: another server can do it.
    auto const is_refused = no.is_refused || access_ == Access::replica;
    if (is_refused && connections_.empty()) refuse_all(no.error);
  }
  wake();
}

void Pool::adopt(Handle handle) {
  auto lost = [this](Connection& connection, Error const& why) {
    on_lost(connection, why);
  };
  auto connection = std::make_shared<Connection>(context_, std::move(handle),
                                                 options_.statement_cache, std::move(lost));
  connection->host = hosts_.front();
  connections_.push_back(connection);
  counts_.connections.Increment();
  connection->start();
  introduce_all();
}

/// What writes is not used before its commits can be found again.
void Pool::introduce_all() {
  if (reads()) return;
  auto const now = Clock::now();
  for (auto const& each : connections_) {
    if (!each->is_open() || each->is_marking() || each->is_taken() || each->batches() > 0 ||
        now < each->introduce_again_at)
      continue;
    each->is_introducing = true;
    tasks_.spawn(introduce(each));
  }
}

/// A database without the table, or one that we may not write, is used without marks.
Async<void> Pool::introduce(std::shared_ptr<Connection> connection) {
  Exchange exchange;
  auto step = std::make_unique<Step>(*this, &exchange);
  step->add(kTakesMarks);
  step->cancel_at = Clock::now() + kIntroductionMost;
  step->give_up_at = step->cancel_at + kCancelGrace;
  co_await exchange_with(*this, *connection, std::move(step), exchange);
  if (!exchange.failure() && exchange.items.front().rows.boolean(0, 0)) connection->begin_row();
  connection->introduce_again_at =
      Clock::now() + kIntroduceAgain * (1 << std::min(connection->introductions++, 8));
  connection->is_introducing = false;
  wake();
}

void Pool::refuse_all(Error const& error) {
  std::vector<Operation*> refused;
  for (auto* queue : {&statements_, &slow_statements_, &borrowers_}) {
    refused.insert(refused.end(), queue->begin(), queue->end());
    queue->clear();
  }
  for (auto* operation : refused) operation->fail(error);
}

Clock::duration Pool::backoff(int attempts) {
  auto const most = std::min<std::chrono::milliseconds>(
      kBackoffFirst * (1 << std::min(attempts - 1, 10)), kBackoffMost);
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::int64_t>(most.count() / 2, most.count())(random_));
}

/// What is connected elsewhere when the news comes is left: at once where nothing is under way, for
/// it would answer reads with what was there before; else when that has ended, or is silent.
void Pool::heed_whereabouts() {
  if (access_ == Access::replica) return;
  auto const news = whereabouts_.last();
  if (std::exchange(heeded_, news.number) != news.number) {
    auto const found = std::find(hosts_.begin(), hosts_.end(), news.host);
    if (found == hosts_.end()) return;
    std::rotate(hosts_.begin(), found, found + 1);
    for (auto const& each : connections_) each->is_replaced |= each->host != news.host;
  }
  leave_replaced(Clock::now());
}

void Pool::leave_replaced(Clock::time_point now) {
  auto const is_left = [&](auto const& each) {
    auto const is_idle = each->batches() == 0 && !each->is_lent;
    return each->is_replaced && (is_idle || access_ == Access::read || is_silent(*each, now));
  };
  if (std::none_of(connections_.begin(), connections_.end(), is_left)) return;
  auto const connections = connections_;  // giving one up takes it out
  for (auto const& each : connections) {
    if (is_left(each)) each->give_up(connection_lost("Another server has become the primary."));
  }
}

/// A server that is paused or cut off says nothing, and its socket stays. Silence may be a long
/// statement, too: what tells them apart is another host that is the primary now.
void Pool::probe_if_silent(Clock::time_point now) {
  if (hosts_.size() < 2 || is_probing_) return;
  auto const silent = [now](auto const& each) {
    return is_silent(*each, now);
  };
  if (std::none_of(connections_.begin(), connections_.end(), silent)) return;
  if (!whereabouts_.take_turn(now)) return;
  is_probing_ = true;
  tasks_.spawn(probe());
}

Async<void> Pool::probe() {
  auto const silent = hosts_.front();
  std::vector<std::size_t> others(hosts_.begin() + 1, hosts_.end());
  auto attempt = co_await try_hosts(others);
  is_probing_ = false;
  auto* handle = std::get_if<Handle>(&attempt);
  if (handle == nullptr) co_return;
  log::warning(fmt::format("The database {} has another primary now.", settings_.description()));
  others.push_back(silent);
  hosts_ = std::move(others);
  auto const old = connections_;
  adopt(std::move(*handle));
  for (auto const& each : old) {
    if (each->host != hosts_.front())
      each->give_up(connection_lost("Another server has become the primary."));
  }
  wake();
}

/// The primary has become a standby under us.
void Pool::drop_read_only() {
  if (reads()) return;
  auto const connections = connections_;
  for (auto const& each : connections) {
    if (each->was_read_only() && !each->is_lent)
      each->give_up(connection_lost("The server has become read-only."));
  }
}

void Pool::on_lost(Connection& connection, Error const& why) {
  auto const same = [&](auto const& each) {
    return each.get() == &connection;
  };
  auto const found = std::find_if(connections_.begin(), connections_.end(), same);
  if (found == connections_.end()) return;
  connections_.erase(found);
  counts_.connections.Decrement();
  counts_.lost.Increment();
  log::warning(fmt::format("A connection to the database {} is lost: {}", settings_.description(),
                           why.what()));
  wake();
}

}  // namespace minga::sql::postgres
