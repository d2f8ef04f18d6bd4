#include "cluster/keeper.hpp"

#include "async/deadline.hpp"
#include "base/json_text.hpp"
#include "base/logging.hpp"
#include "base/time_text.hpp"
#include "cluster/attempt.hpp"
#include "cluster/config_key.hpp"
#include "cluster/json_parts.hpp"
#include "cluster/membership.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kCall = 2s;
constexpr auto kRefresh = 5s;
constexpr auto kStarting = 60s;  // for Patroni to answer after its start
constexpr auto kBetweenMoves = 10s;
constexpr auto kStepDownLasts = 60s;
constexpr auto kRelease = 5s;  // for Patroni to act on a change of its settings

std::string key_of(MemberAddress const& member) {
  return std::string(kMemberKeys) + member.name();
}

std::size_t voters_of(std::vector<EtcdMember> const& members) {
  return static_cast<std::size_t>(std::count_if(
      members.begin(), members.end(), [](EtcdMember const& each) { return !each.is_learner; }));
}

Durability durability_in(Json const& configuration) {
  auto const durability = text_of(find(find(&configuration, "minga"), "durability"));
  return durability == "available" ? Durability::available : Durability::strict;
}

/// Whether a standby holds every write that was answered, by what Patroni last knew.
bool has_synchronous_standby(Json const& cluster) {
  auto const* members = find(&cluster, "members");
  if (members == nullptr || !members->is_array()) return false;
  return std::any_of(
      members->get_array().begin(), members->get_array().end(),
      [](Json const& each) { return text_of(find(&each, "role")) == "sync_standby"; });
}

}  // namespace

Keeper::Keeper(http::Client const& client, Folder const& folder, SetIdentity& identity,
               MemberAddress const& self, std::chrono::seconds ttl)
    : client_(client),
      folder_(folder),
      identity_(identity),
      self_(self),
      etcd_(client, {{self.host, self.etcd}}),
      patroni_(client, {self.host, self.patroni}),
      configuration_(client, {{self.host, self.etcd}}, identity.set, kConfigurationKey),
      silence_(2 * ttl) {}

std::vector<HostPort> Keeper::other_endpoints() const {
  std::vector<HostPort> endpoints;
  for (auto const& member : identity_.members) {
    if (member.name() != self_.name()) endpoints.push_back({member.host, member.etcd});
  }
  return endpoints;
}

std::vector<HostPort> Keeper::endpoints() const {
  auto endpoints = other_endpoints();
  endpoints.insert(endpoints.begin(), {self_.host, self_.etcd});
  return endpoints;
}

Async<void> Keeper::enter() {
  for (;;) {
    try {
      auto const text = boost::json::serialize(to_json(self_));
      co_await etcd_.put(key_of(self_), text, Clock::now() + kCall);
      co_await refresh_members();
      co_return;
    } catch (Error const& error) {
      log::warning(fmt::format("the member is not entered yet: {}", error.message()));
    }
    co_await sleep_for(1s);
  }
}

Async<void> Keeper::refresh_members() {
  // A member that was removed has no etcd of its own any more.
  Etcd const everyone(client_, endpoints());
  auto const listed = co_await everyone.list(std::string(kMemberKeys), Clock::now() + kRefresh);
  refreshed_ = Clock::now();
  std::vector<MemberAddress> members;
  for (auto const& [key, text] : listed) members.push_back(address_from(read_json(text)));
  auto const is_self = [&](MemberAddress const& each) {
    return each.name() == self_.name();
  };
  misses_ = std::any_of(members.begin(), members.end(), is_self) ? 0 : misses_ + 1;
  if (members.empty() || members == identity_.members) co_return;
  identity_.members = std::move(members);
  write_private(folder_.join_token(), to_text(identity_));
}

Async<void> Keeper::look() {
  co_await attempt("the set was not looked at", look_once());
}

Async<void> Keeper::look_once() {
  if (Clock::now() - refreshed_ > kRefresh) co_await refresh_members();
  co_await look_at_patroni();
  if (!is_primary_) co_return;
  if (!is_noted_) co_await note_election();
  auto const members = co_await etcd_.members(Clock::now() + kCall);
  co_await fit_settings(voters_of(members));
  co_await move_etcd_leader(members);
}

void Keeper::await_patroni() {
  heard_ = Clock::now() + kStarting;
}

/// Whether it lives is asked by itself: the answer to the other question waits for PostgreSQL.
Async<void> Keeper::look_at_patroni() {
  co_await patroni_.check("/liveness", Clock::now() + kCall);
  heard_ = std::max(heard_, Clock::now());
  auto const status = co_await patroni_.check("/primary", Clock::now() + kCall);
  is_primary_ = status == 200;
  is_noted_ = is_noted_ && is_primary_;
}

Async<std::string> Keeper::election_reason(std::string previous) {
  if (previous.empty()) co_return "the set's first start";
  if (previous == self_.name()) co_return "it was started again";
  auto const asked = co_await etcd_.list(std::string(kStepDownKeys), Clock::now() + kCall);
  for (auto const& [key, text] : asked) {
    auto const value = read_json(text);
    if (text_of(find(&value, "from")) != previous) continue;
    auto const when = parse_time(text_of(find(&value, "at")));
    if (when && now_millis() - *when < kStepDownLasts) {
      co_return fmt::format("{} stepped down", previous);
    }
  }
  co_return fmt::format("{} was stopped or lost", previous);
}

/// PostgreSQL's history says when a timeline began, but not why.
Async<void> Keeper::note_election() {
  auto const state = co_await patroni_.get("/patroni", Clock::now() + kCall);
  auto const timeline = number_of(find(&state, "timeline"));
  if (!timeline) co_return;  // it is not promoted yet
  auto const noted = co_await etcd_.list(std::string(kElectionKeys), Clock::now() + kCall);
  std::string previous;
  if (!noted.empty()) {
    auto const last = read_json(noted.begin()->second);
    previous = text_of(find(&last, "primary"));
    is_noted_ = previous == self_.name() && number_of(find(&last, "timeline")) == timeline;
    if (is_noted_) co_return;
  }
  auto const reason = co_await election_reason(previous);
  JsonObject const election{{"primary", self_.name()},
                            {"previous", previous},
                            {"timeline", *timeline},
                            {"at", format_time(now_millis())},
                            {"reason", reason}};
  auto const text = boost::json::serialize(election);
  co_await etcd_.put(std::string(kElectionKeys) + "last", text, Clock::now() + kCall);
  co_await etcd_.erase(std::string(kStepDownKeys) + "last", Clock::now() + kCall);
  is_noted_ = true;
  log::info(fmt::format("{} is the primary: {}", self_.name(), reason));
}

Async<void> Keeper::change_settings(JsonObject changes) {
  co_await change_configuration(configuration_, std::move(changes), Clock::now() + kCall);
  co_await patroni_.wake(Clock::now() + kCall);
}

/// With three members and more a write waits for a standby, and for as many that a majority has
/// it; with fewer it would wait for ever. Not before the first standby is there, either.
Async<void> Keeper::fit_settings(std::size_t voters) {
  auto const now = co_await read_configuration(configuration_, Clock::now() + kCall);
  if (!truth_of(find(&now, "synchronous_mode"))) {
    if (Clock::now() - released_ < kRelease) co_return;
    JsonObject const again{{"synchronous_mode", true}};
    co_await change_settings(again);
    co_return;
  }
  auto const was_strict = truth_of(find(&now, "synchronous_mode_strict"));
  auto strict = durability_in(now) == Durability::strict && voters >= 3;
  if (strict && !was_strict) {
    auto const cluster = co_await patroni_.get("/cluster", Clock::now() + kCall);
    strict = has_synchronous_standby(cluster);
  }
  auto const standbys = synchronous_standbys(voters);
  auto const count = number_of(find(&now, "synchronous_node_count"));
  if (strict == was_strict && count == standbys) co_return;
  JsonObject changes{{"synchronous_mode_strict", strict}, {"synchronous_node_count", standbys}};
  if (was_strict && !strict) {
    auto const cluster = co_await patroni_.get("/cluster", Clock::now() + kCall);
    if (!has_synchronous_standby(cluster)) {
      // Patroni 3.0 leaves PostgreSQL waiting for any standby until it finds one; it lets go where
      // synchronous mode ends.
      changes["synchronous_mode"] = false;
      released_ = Clock::now();
    }
  }
  co_await change_settings(std::move(changes));
  log::info(fmt::format("the set has {} members: a write is confirmed by {} standby{}{}", voters,
                        standbys, standbys == 1 ? "" : "s",
                        strict ? ", and waits while there are none" : " where there are"));
}

/// A machine that takes both leaders with it costs an election of etcd's first. So etcd is led
/// from another machine than PostgreSQL.
Async<void> Keeper::move_etcd_leader(std::vector<EtcdMember> const& members) {
  if (voters_of(members) < 3 || Clock::now() - moved_ < kBetweenMoves) co_return;
  auto const next = co_await hand_etcd_over(members);
  if (next.empty()) co_return;
  moved_ = Clock::now();
  log::info(fmt::format("etcd is led by {} now, for PostgreSQL is led from here", next));
}

Async<bool> Keeper::follows(HostPort member, std::string leader) {
  try {
    auto const other = identity_.find(member);
    Etcd const there(client_, {{other.host, other.etcd}});
    auto const answer = co_await there.status(Clock::now() + kCall);
    co_return answer.leader == leader;
  } catch (Error const& error) {
    log::debug(error.message());
  }
  co_return false;
}

/// To a member that follows; its name, empty where this one does not lead, or nobody follows.
Async<std::string> Keeper::hand_etcd_over(std::vector<EtcdMember> const& members) {
  auto const status = co_await etcd_.status(Clock::now() + kCall);
  if (status.leader != status.id) co_return "";
  for (auto const& member : members) {
    if (member.id == status.id || member.is_learner || member.name.empty()) continue;
    auto const is_following = co_await follows(parse_host_port(member.name), status.id);
    if (!is_following) continue;
    co_await etcd_.move_leader(member.id, Clock::now() + kCall);
    co_return member.name;
  }
  co_return "";
}

/// A leader that left would cost an election.
Async<void> Keeper::leave_etcd(Deadline deadline) {
  auto const members = co_await etcd_.members(Clock::now() + kCall);
  co_await hand_etcd_over(members);
  Etcd const everyone(client_, endpoints());
  co_await cluster::leave_etcd(everyone, self_.name(), Clock::now(), deadline);
}

}  // namespace minga::cluster
