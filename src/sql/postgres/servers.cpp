#include "sql/postgres/servers.hpp"

#include "async/deadline.hpp"
#include "async/task_group.hpp"
#include "sql/postgres/connecting.hpp"
#include "sql/postgres/session.hpp"
#include "sql/postgres/timeline.hpp"

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 3s;

/// The timeline of a standby is what it receives, or, where that is not told, what it has replayed.
constexpr char const* kServer =
    "SELECT pg_is_in_recovery(), "
    "CASE WHEN pg_is_in_recovery() THEN COALESCE((SELECT received_tli FROM pg_stat_wal_receiver), "
    "(SELECT min_recovery_end_timeline FROM pg_control_recovery()), 0) "
    "ELSE {} END, "
    "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - "
    "'0/0', "
    "CASE WHEN pg_is_in_recovery() THEN EXTRACT(epoch FROM clock_timestamp() - "
    "pg_last_xact_replay_timestamp()) END, "
    "current_setting('primary_slot_name'), COALESCE(host(inet_server_addr()), ''), "
    "pg_has_role('pg_read_all_stats', 'USAGE'), "
    "has_function_privilege('pg_ls_waldir()', 'EXECUTE')";
constexpr char const* kStandbys =
    "SELECT r.application_name, COALESCE(s.slot_name, ''), COALESCE(host(r.client_addr), ''), "
    "r.state, r.sync_state "
    "FROM pg_stat_replication AS r LEFT JOIN pg_replication_slots AS s ON s.active_pid = r.pid "
    "WHERE r.state <> 'backup' ORDER BY 1, r.pid";
/// A promotion writes the new timeline's history.
constexpr char const* kPromotion =
    "SELECT (EXTRACT(epoch FROM modification) * 1000)::bigint FROM pg_ls_waldir() WHERE name LIKE "
    "'%.history' ORDER BY name DESC LIMIT 1";

/// A standby as its primary has it.
struct Connected {
  std::string name;
  std::string slot;
  std::string address;
  std::string state;
  std::string sync;
};

/// What a host of the URL says of itself.
struct Look {
  Host host;
  std::string failure = "it was not asked";
  bool is_standby = false;
  bool shows_standbys = false;
  std::int64_t timeline = 0;
  std::int64_t location = 0;
  std::optional<double> age;  // of the last change that a standby has replayed
  std::string slot;
  std::string address;
  std::vector<Connected> standbys;
  std::optional<SystemTime> promoted_at;

  bool answers() const { return failure.empty(); }
  std::string name() const {
    return fmt::format("{}{}{}", host.name.empty() ? host.address : host.name,
                       host.port.empty() ? "" : ":", host.port);
  }
};

void read_server(Session::Row const& row, Look& look) {
  look.is_standby = row[0] == "t";
  look.timeline = std::stoll(row[1]);
  look.location = row[2].empty() ? 0 : std::stoll(row[2]);
  if (!row[3].empty()) look.age = std::stod(row[3]);
  look.slot = row[4];
  look.address = row[5];
  look.shows_standbys = row[6] == "t";
}

Async<void> ask_server(Session& session, Look& look, Deadline deadline) {
  auto const own = co_await session.ask(fmt::format(kServer, kTimeline), deadline);
  read_server(own.at(0), look);
  if (look.is_standby) co_return;
  auto const standbys = co_await session.ask(kStandbys, deadline);
  for (auto const& row : standbys) {
    auto& standby = look.standbys.emplace_back();
    standby.name = row[0];
    standby.slot = row[1];
    standby.address = row[2];
    standby.state = row[3];
    standby.sync = row[4];
  }
  if (own[0][7] != "t") co_return;
  auto const promotion = co_await session.ask(kPromotion, deadline);
  if (!promotion.empty())
    look.promoted_at = SystemTime(std::chrono::milliseconds(std::stoll(promotion[0][0])));
}

Async<void> look_at(Settings const* settings, std::size_t index, Look* look, Deadline deadline) {
  try {
    std::vector<std::size_t> only{index};
    auto connecting = connect(*settings, Access::any, only);
    auto attempt = co_await with_deadline(deadline, std::move(connecting));
    if (auto const* no = std::get_if<NoConnection>(&attempt)) {
      look->failure = no->error.what();
      co_return;
    }
    Session session(co_await boost::asio::this_coro::executor,
                    std::move(std::get<Handle>(attempt)));
    co_await ask_server(session, *look, deadline);
    look->failure.clear();
  } catch (std::exception const& error) {
    look->failure = error.what();
  }
}

/// Of several that take themselves for it the one of the last timeline.
Look const* primary_of(std::vector<Look> const& looks) {
  Look const* primary = nullptr;
  for (auto const& look : looks) {
    if (!look.answers() || look.is_standby) continue;
    if (primary == nullptr || look.timeline > primary->timeline) primary = &look;
  }
  return primary;
}

/// The primary's connection of each look, null where there is none.
using Connections = std::vector<Connected const*>;

template <class Fits>
void match(std::vector<Look> const& looks, Look const& primary, Connections& found, Fits fits) {
  for (std::size_t i = 0; i < looks.size(); ++i) {
    if (found[i] != nullptr || !looks[i].is_standby) continue;
    for (auto const& each : primary.standbys) {
      auto const is_taken = std::find(found.begin(), found.end(), &each) != found.end();
      if (is_taken || !fits(looks[i], each)) continue;
      found[i] = &each;
      break;
    }
  }
}

/// By what a standby calls itself; else by its address, which several on one machine share.
Connections connections_of(std::vector<Look> const& looks, Look const* primary) {
  Connections found(looks.size());
  if (primary == nullptr) return found;
  match(looks, *primary, found, [](Look const& look, Connected const& each) {
    return (!look.slot.empty() && each.slot == look.slot) || each.name == look.name();
  });
  match(looks, *primary, found, [](Look const& look, Connected const& each) {
    return each.address.empty() || each.address == look.address;  // empty: a socket's
  });
  return found;
}

std::string sync_of(std::string const& word) {
  return word == "sync" || word == "quorum" ? "sync" : word.empty() ? "" : "async";
}

/// Its place in the changes beside the primary's.
void measure(Copy& copy, Look const& look, Look const& primary) {
  // The primary was asked a moment earlier or later.
  copy.lag_bytes = std::max<std::int64_t>(0, primary.location - look.location);
  copy.lag_seconds = *copy.lag_bytes == 0 ? 0 : look.age;
}

void judge_standby(Copy& copy, Look const& look, Look const* primary, Connected const* connection) {
  if (primary == nullptr) {
    copy.problem = "there is no primary";
    return;
  }
  measure(copy, look, *primary);
  if (connection != nullptr) {
    if (!connection->state.empty()) copy.state = connection->state;
    copy.sync = sync_of(connection->sync);
  } else if (primary->shows_standbys) {
    copy.problem = "it gets no changes from the primary";
  }
}

Copy copy_of(Look const& look, Look const* primary, Connected const* connection) {
  Copy copy;
  copy.name = look.name();
  copy.role = !look.answers() ? "none" : look.is_standby ? "standby" : "primary";
  copy.state = look.answers() ? "running" : "unreachable";
  if (look.timeline > 0) copy.timeline = look.timeline;
  if (!look.answers()) {
    copy.problem = look.failure;
  } else if (look.is_standby) {
    judge_standby(copy, look, primary, connection);
  } else if (&look != primary) {
    copy.problem = "another server is the primary";
  }
  copy.is_healthy = copy.problem.empty();
  return copy;
}

/// A standby that the URL does not name.
Copy copy_of(Connected const& standby) {
  Copy copy;
  copy.name = standby.name;
  copy.role = "standby";
  copy.state = standby.state.empty() ? "running" : standby.state;
  copy.sync = sync_of(standby.sync);
  copy.is_healthy = standby.state.empty() || standby.state == "streaming";
  if (!copy.is_healthy) copy.problem = "it catches up";
  return copy;
}

Copies combine(std::vector<Look> const& looks) {
  Copies copies;
  auto const* primary = primary_of(looks);
  auto const connections = connections_of(looks, primary);
  for (std::size_t i = 0; i < looks.size(); ++i)
    copies.members.push_back(copy_of(looks[i], primary, connections[i]));
  if (primary == nullptr) {
    copies.durable = 0;
    return copies;
  }
  copies.promoted_at = primary->promoted_at;
  std::int64_t durable = 1;
  for (auto const& standby : primary->standbys) {
    durable += standby.state == "streaming" && sync_of(standby.sync) == "sync" ? 1 : 0;
    auto const is_named =
        std::find(connections.begin(), connections.end(), &standby) != connections.end();
    if (!is_named) copies.members.push_back(copy_of(standby));
  }
  if (primary->shows_standbys) copies.durable = durable;
  return copies;
}

}  // namespace

Async<Copies> ask_servers(Settings const& settings, Deadline deadline) {
  auto const until = std::min(deadline, Clock::now() + kPatience);
  std::vector<Look> looks;
  for (auto const& host : settings.hosts()) looks.emplace_back().host = host;
  TaskGroup asking(co_await boost::asio::this_coro::executor, "copies");
  for (std::size_t i = 0; i < looks.size(); ++i)
    asking.spawn(look_at(&settings, i, &looks[i], until));
  co_await asking.join();
  co_return combine(looks);
}

}  // namespace minga::sql::postgres
