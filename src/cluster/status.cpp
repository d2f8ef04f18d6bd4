#include "cluster/status.hpp"

#include "cluster/json_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::cluster {
namespace {

/// The members that Patroni gives the role.
std::vector<std::string> names_of(SetLook const& look, std::string_view role) {
  std::vector<std::string> names;
  auto const* members = find(look.cluster, "members");
  if (members == nullptr || !members->is_array()) return names;
  for (auto const& member : members->get_array()) {
    if (text_of(find(&member, "role")) == role) names.push_back(text_of(find(&member, "name")));
  }
  return names;
}

MemberLook const* look_at(SetLook const& look, std::string const& name) {
  auto const found = std::find_if(look.members.begin(), look.members.end(),
                                  [&](auto const& each) { return each.address.name() == name; });
  return found != look.members.end() ? &*found : nullptr;
}

/// The primary's view of a standby's connection; null when there is none.
Json const* connection_of(MemberLook const* primary, std::string const& standby) {
  auto const* list = primary == nullptr ? nullptr : find(primary->patroni, "replication");
  if (list == nullptr || !list->is_array()) return nullptr;
  for (auto const& each : list->get_array()) {
    if (text_of(find(&each, "application_name")) == standby) return &each;
  }
  return nullptr;
}

void read_lag(MemberStatus& status, MemberLook const& look, MemberLook const* primary,
              SystemTime now) {
  if (primary == nullptr) return;
  auto const end = number_of(find(find(primary->patroni, "xlog"), "location"));
  auto const* own = find(look.patroni, "xlog");
  auto const replayed = number_of(find(own, "replayed_location"));
  if (!end || !replayed) return;
  // The primary was asked a moment earlier or later.
  status.lag_bytes = std::max<std::int64_t>(0, *end - *replayed);
  auto const last = parse_time(text_of(find(own, "replayed_timestamp")));
  if (*status.lag_bytes == 0) {
    status.lag_seconds = 0;
  } else if (last) {
    status.lag_seconds = std::max(0.0, std::chrono::duration<double>(now - *last).count());
  }
}

std::string etcd_role(MemberLook const& look) {
  if (!look.etcd) return "unreachable";
  if (look.etcd->is_learner) return "learner";
  if (!look.etcd->has_leader()) return "leaderless";
  return look.etcd->leader == look.etcd->id ? "leader" : "follower";
}

bool is_up(MemberStatus const& status) {
  return status.state == "running" || status.state == "streaming";
}

/// A standby that has more of the timeline that the primary left than the primary had may be sent
/// changes, but cannot use them before it was rewound. One that cannot say where it is may be such.
void judge_timeline(MemberStatus& status, MemberLook const* primary) {
  if (primary == nullptr || !is_up(status)) return;
  auto const newest = number_of(find(primary->patroni, "timeline"));
  if (!status.timeline) {
    status.problem = "it does not know its timeline yet";
  } else if (newest && *status.timeline < *newest) {
    status.problem =
        fmt::format("it is at timeline {}, the primary at {}", *status.timeline, *newest);
  }
}

void judge(MemberStatus& status, std::string const& primary) {
  if (!is_up(status)) {
    status.problem = "PostgreSQL is " + status.state;
  } else if (status.role == "standby" && status.sync.empty()) {
    status.problem =
        primary.empty() ? "there is no primary" : "it gets no changes from the primary";
  } else if (status.etcd == "unreachable") {
    status.problem = "its etcd does not answer";
  } else if (status.etcd == "leaderless") {
    status.problem = "its etcd knows no leader";
  }
  status.is_healthy = status.problem.empty();
}

MemberStatus member_status(SetLook const& look, MemberLook const& member,
                           std::string const& leader) {
  MemberStatus status;
  status.address = member.address;
  auto const name = member.address.name();
  auto const* primary = look_at(look, leader);
  status.etcd = etcd_role(member);
  if (!member.patroni) {
    status.role = "none";
    status.state = "unreachable";
    status.problem = member.failure;
    return status;
  }
  auto const& answer = member.patroni;
  status.role = name == leader ? "primary" : "standby";
  status.state = text_of(find(answer, "state"));
  status.timeline = number_of(find(answer, "timeline"));
  if (auto const start = parse_time(text_of(find(answer, "postmaster_start_time")))) {
    status.uptime = std::chrono::duration_cast<std::chrono::seconds>(look.now - *start);
  }
  if (auto const seen = number_of(find(answer, "dcs_last_seen"))) {
    status.last_heartbeat = SystemTime(std::chrono::seconds(*seen));
  }
  if (status.role == "standby") {
    auto const* connection = connection_of(primary, name);
    if (text_of(find(connection, "state")) == "streaming") {
      auto const sync = text_of(find(connection, "sync_state"));
      status.sync = sync == "sync" || sync == "quorum" ? "sync" : "async";
      status.source = leader;
    }
    read_lag(status, member, primary, look.now);
    judge_timeline(status, primary);
  }
  judge(status, leader);
  return status;
}

std::string writes_of(SetStatus const& status) {
  auto const found =
      std::find_if(status.members.begin(), status.members.end(),
                   [](MemberStatus const& member) { return member.role == "primary"; });
  if (found == status.members.end() || found->state != "running") return "no";
  return status.is_strict && status.durable_copies < 2 ? "waiting" : "yes";
}

void read_votes(SetLook const& look, SetStatus& status) {
  auto const votes = [](EtcdMember const& member) {
    return !member.is_learner;
  };
  status.voters =
      static_cast<std::size_t>(std::count_if(look.voters.begin(), look.voters.end(), votes));
  if (look.voters.empty()) status.voters = look.members.size();
  status.majority = status.voters / 2 + 1;
  for (auto const& member : look.members) {
    if (!member.etcd) continue;
    status.term = std::max(status.term, member.etcd->term);
    if (!member.etcd->is_learner) ++status.voters_present;
  }
}

std::optional<Election> election_of(SetLook const& look, std::string const& primary) {
  Election election;
  if (auto const at = parse_time(text_of(find(look.election, "at")))) {
    election.at = *at;
    election.primary = text_of(find(look.election, "primary"));
    election.previous = text_of(find(look.election, "previous"));
    election.reason = text_of(find(look.election, "reason"));
    return election;
  }
  // PostgreSQL's own history: timeline, end, reason, time, primary.
  if (!look.history || !look.history->is_array() || look.history->get_array().empty()) {
    return std::nullopt;
  }
  auto const& last = look.history->get_array().back();
  if (!last.is_array() || last.get_array().size() < 4) return std::nullopt;
  auto const at = parse_time(text_of(&last.get_array()[3]));
  if (!at) return std::nullopt;
  election.at = *at;
  election.primary = last.get_array().size() > 4 ? text_of(&last.get_array()[4]) : primary;
  election.reason = text_of(&last.get_array()[2]);
  return election;
}

}  // namespace

bool SetStatus::is_healthy() const {
  return writes == "yes" && voters_present >= majority &&
         (members.size() < 2 || !successors.empty()) && backup_problem(backups, now).empty() &&
         std::all_of(members.begin(), members.end(),
                     [](MemberStatus const& member) { return member.is_healthy; });
}

SetStatus combine(SetLook const& look) {
  SetStatus status;
  status.set = look.set;
  status.now = look.now;
  status.backups = look.backups;
  auto const leaders = names_of(look, "leader");
  auto const leader = leaders.empty() ? "" : leaders.front();
  auto const* primary = look_at(look, leader);
  status.primary = primary != nullptr && primary->patroni ? leader : "";
  status.is_strict = truth_of(find(look.configuration, "synchronous_mode_strict"));
  status.wanted_standbys =
      number_of(find(look.configuration, "synchronous_node_count")).value_or(1);
  for (auto const& member : look.members) {
    status.members.push_back(member_status(look, member, status.primary));
  }
  if (!status.primary.empty()) {
    status.successors = names_of(look, "sync_standby");
    status.durable_copies = 1;
    for (auto const& member : status.members) status.durable_copies += member.sync == "sync";
    status.timeline = number_of(find(primary->patroni, "timeline"));
  }
  read_votes(look, status);
  status.writes = writes_of(status);
  status.election = election_of(look, status.primary);
  return status;
}

}  // namespace minga::cluster
