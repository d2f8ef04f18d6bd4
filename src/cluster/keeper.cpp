#include "cluster/keeper.hpp"

#include "async/deadline.hpp"
#include "base/json_text.hpp"
#include "base/logging.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kCall = 2s;
constexpr auto kRefresh = 5s;
constexpr auto kBetweenMoves = 30s;

std::string key_of(MemberAddress const& member) {
  return std::string(kMemberKeys) + member.name();
}

std::size_t voters_of(std::vector<EtcdMember> const& members) {
  return static_cast<std::size_t>(std::count_if(
      members.begin(), members.end(), [](EtcdMember const& each) { return !each.is_learner; }));
}

bool truth_at(JsonObject const& object, std::string_view name) {
  auto const* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

Durability durability_in(JsonObject const& configuration) {
  auto const* own = configuration.if_contains("minga");
  auto const* durability =
      own != nullptr && own->is_object() ? own->get_object().if_contains("durability") : nullptr;
  auto const is_available =
      durability != nullptr && durability->is_string() && durability->get_string() == "available";
  return is_available ? Durability::available : Durability::strict;
}

/// Whether a standby holds every write that was answered, by what Patroni last knew.
bool has_synchronous_standby(Json const& cluster) {
  auto const* members = cluster.as_object().if_contains("members");
  if (members == nullptr) return false;
  return std::any_of(members->as_array().begin(), members->as_array().end(), [](Json const& each) {
    auto const* role = each.as_object().if_contains("role");
    return role != nullptr && *role == "sync_standby";
  });
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
      silence_(2 * ttl) {}

std::vector<HostPort> Keeper::other_endpoints() const {
  std::vector<HostPort> endpoints;
  for (auto const& member : identity_.members) {
    if (member.name() != self_.name()) endpoints.push_back({member.host, member.etcd});
  }
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
  auto const listed = co_await etcd_.list(std::string(kMemberKeys), Clock::now() + kCall);
  refreshed_ = Clock::now();
  std::vector<MemberAddress> members;
  for (auto const& [key, text] : listed) members.push_back(address_from(read_json(text)));
  if (members.empty() || members == identity_.members) co_return;
  identity_.members = std::move(members);
  write_private(folder_.join_token(), to_text(identity_));
}

Async<void> Keeper::look() {
  try {
    co_await look_at_patroni();
    if (Clock::now() - refreshed_ > kRefresh) co_await refresh_members();
    if (!is_primary_) co_return;
    auto const members = co_await etcd_.members(Clock::now() + kCall);
    co_await fit_settings(voters_of(members));
    co_await move_etcd_leader(members);
  } catch (Error const& error) {
    log::debug(fmt::format("the set's settings were not looked at: {}", error.message()));
  }
}

Async<void> Keeper::look_at_patroni() {
  auto const status = co_await patroni_.check("/primary", Clock::now() + kCall);
  heard_ = Clock::now();
  is_primary_ = status == 200;
}

/// With three members and more a write waits for a standby, and for as many that a majority has
/// it; with fewer it would wait for ever. Not before the first standby is there, either.
Async<void> Keeper::fit_settings(std::size_t voters) {
  auto const configuration = co_await patroni_.get("/config", Clock::now() + kCall);
  auto const& now = configuration.as_object();
  auto const was_strict = truth_at(now, "synchronous_mode_strict");
  auto strict = durability_in(now) == Durability::strict && voters >= 3;
  if (strict && !was_strict) {
    auto const cluster = co_await patroni_.get("/cluster", Clock::now() + kCall);
    strict = has_synchronous_standby(cluster);
  }
  auto const standbys = synchronous_standbys(voters);
  auto const* count = now.if_contains("synchronous_node_count");
  auto const same_count = count != nullptr && *count == Json(standbys);
  if (strict == was_strict && same_count) co_return;
  JsonObject const changes{{"synchronous_mode_strict", strict},
                           {"synchronous_node_count", standbys}};
  co_await patroni_.change_configuration(changes, Clock::now() + kCall);
  log::info(fmt::format("the set has {} members: a write is confirmed by {} standby{}{}", voters,
                        standbys, standbys == 1 ? "" : "s",
                        strict ? ", and waits while there are none" : " where there are"));
}

/// A machine that takes both leaders with it costs an election of etcd's first. So etcd is led
/// from another machine than PostgreSQL.
Async<void> Keeper::move_etcd_leader(std::vector<EtcdMember> const& members) {
  if (voters_of(members) < 3 || Clock::now() - moved_ < kBetweenMoves) co_return;
  auto const status = co_await etcd_.status(Clock::now() + kCall);
  if (status.leader != status.id) co_return;
  for (auto const& member : members) {
    if (member.id == status.id || member.is_learner || member.name.empty()) continue;
    auto const other = identity_.find(parse_host_port(member.name));
    Etcd const there(client_, {{other.host, other.etcd}});
    moved_ = Clock::now();
    auto const answer = co_await there.status(Clock::now() + kCall);
    if (answer.leader != status.id) continue;
    co_await etcd_.move_leader(member.id, Clock::now() + kCall);
    log::info(fmt::format("etcd is led by {} now, for PostgreSQL is led from here", member.name));
    co_return;
  }
}

}  // namespace minga::cluster
