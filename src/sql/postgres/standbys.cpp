#include "sql/postgres/standbys.hpp"

#include "base/logging.hpp"
#include "sql/postgres/connecting.hpp"
#include "sql/postgres/timeline.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;

constexpr auto kEvery = 250ms;
/// A server that says nothing for that long is gone.
constexpr auto kPatience = 1s;

/// What the primary has written holds all that it has committed. A server that is promoted between
/// two parts of it fails, and is asked again.
constexpr char const* kPlace =
    "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE "
    "pg_current_wal_lsn() END - '0/0', CASE WHEN NOT pg_is_in_recovery() THEN {} END";

}  // namespace

Standbys::Standbys(IoThreads& threads, Settings const& settings, Options const& options,
                   Metrics& metrics, Whereabouts& whereabouts, OnGone on_gone)
    : threads_(threads),
      settings_(settings),
      lag_(options.replica_lag),
      good_(metrics.gauge("minga_postgres_replicas", "Standbys that reads may go to.")),
      whereabouts_(whereabouts),
      on_gone_(std::move(on_gone)),
      hosts_(settings.hosts().size()),
      tasks_(threads.context(0).get_executor(), "standbys") {}

void Standbys::start() {
  if (hosts_.size() < 2 || is_started_.exchange(true)) return;
  boost::asio::post(threads_.context(0), [self = shared_from_this()] {
    if (self->is_closed_) return;
    for (std::size_t host = 0; host < self->hosts_.size(); ++host)
      self->tasks_.spawn(self->watch(host));
  });
}

Async<void> Standbys::close() {
  is_closed_ = true;
  tasks_.cancel();
  co_await tasks_.join();
}

Async<void> Standbys::watch(std::size_t host) {
  for (;;) {
    auto const why = co_await look(host);
    note_gone(host, why);
    co_await sleep_for(kEvery);  // sees the cancellation
  }
}

/// Until the server cannot be asked any more; says why.
Async<std::string> Standbys::look(std::size_t host) {
  std::string failure;
  try {
    std::vector<std::size_t> only{host};
    auto attempt = co_await connect(settings_, Access::any, only);
    if (auto const* no = std::get_if<NoConnection>(&attempt)) co_return no->error.what();
    Session session(co_await boost::asio::this_coro::executor,
                    std::move(std::get<Handle>(attempt)));
    for (;;) {
      auto const asked_at = Clock::now();
      auto const rows = co_await session.ask(fmt::format(kPlace, kTimeline), asked_at + kPatience);
      note(host, rows.at(0), asked_at);
      co_await sleep_for(kEvery);
    }
  } catch (std::exception const& error) {
    failure = error.what();
  }
  co_return failure;
}

void Standbys::note(std::size_t host, Session::Row const& row, Clock::time_point asked_at) {
  auto const is_standby = row[0] == "t";
  auto const location = row[1].empty() ? 0 : std::stoll(row[1]);
  if (is_standby) {
    note_standby(host, location);
  } else {
    note_gone(host, "The server is no standby any more.");
    note_primary(host, std::stoll(row[2]), location, asked_at);
  }
  hosts_[host].was_standby = is_standby;
  count();
}

/// Of two that take themselves for the primary the one of the later timeline is.
void Standbys::note_primary(std::size_t host, std::int64_t timeline, std::int64_t location,
                            Clock::time_point asked_at) {
  if (!whereabouts_.is_newest(timeline, host, asked_at)) return;
  trail_.note(asked_at, location);
  trail_.forget_before(asked_at - lag_);
}

void Standbys::note_standby(std::size_t host, std::int64_t replayed) {
  auto const moment = trail_.moment_of(replayed);
  hosts_[host].good_until = moment ? (*moment + lag_).time_since_epoch().count() : 0;
}

void Standbys::note_gone(std::size_t host, std::string const& why) {
  auto& state = hosts_[host];
  state.good_until = 0;
  if (!std::exchange(state.was_standby, false)) return;
  count();
  if (is_closed_) return;
  auto const& at = settings_.hosts()[host];
  log::warning(fmt::format("Nothing is read from the standby {}{}{} for now: {}",
                           at.name.empty() ? at.address : at.name, at.port.empty() ? "" : ":",
                           at.port, why));
  on_gone_(host, connection_lost(why));
}

void Standbys::count() {
  std::size_t good = 0;
  for (std::size_t host = 0; host < hosts_.size(); ++host) good += is_good(host) ? 1 : 0;
  good_.Set(static_cast<double>(good));
}

}  // namespace minga::sql::postgres
