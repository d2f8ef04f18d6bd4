// A status as JSON and as text.
#include "cluster/status.hpp"
#include "cluster/text_parts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace minga::cluster {
namespace {

using std::chrono::seconds;

constexpr std::string_view kGreen = "\033[32m";
constexpr std::string_view kYellow = "\033[33m";
constexpr std::string_view kRed = "\033[31m";
constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kPlain = "\033[0m";

template <class T>
Json or_null(std::optional<T> const& value) {
  return value ? Json(*value) : Json(nullptr);
}

JsonObject to_json(MemberStatus const& member) {
  auto const uptime =
      member.uptime ? std::optional<std::int64_t>(member.uptime->count()) : std::nullopt;
  return {{"name", member.address.name()},
          {"role", member.role},
          {"state", member.state},
          {"healthy", member.is_healthy},
          {"problem", text_or_null(member.problem)},
          {"uptimeSeconds", or_null(uptime)},
          {"lagBytes", or_null(member.lag_bytes)},
          {"lagSeconds", or_null(member.lag_seconds)},
          {"timeline", or_null(member.timeline)},
          {"sync", text_or_null(member.sync)},
          {"source", text_or_null(member.source)},
          {"lastHeartbeat", time_or_null(member.last_heartbeat)},
          {"etcd", member.etcd},
          {"ports",
           {{"postgresql", member.address.port},
            {"patroni", member.address.patroni},
            {"etcd", member.address.etcd},
            {"etcdPeer", member.address.etcd_peer}}}};
}

/// Two units at most: "3 d 4 h", "12 s".
std::string duration_text(seconds duration) {
  struct Unit {
    char const* name;
    long length;
  };
  constexpr std::array kUnits{Unit{"d", 86'400}, Unit{"h", 3'600}, Unit{"m", 60}, Unit{"s", 1}};
  auto rest = std::max(0L, static_cast<long>(duration.count()));
  std::string text;
  int shown = 0;
  for (auto const& unit : kUnits) {
    if (shown == 2 || (rest < unit.length && shown == 0 && unit.length > 1)) continue;
    text += fmt::format("{}{} {}", shown == 0 ? "" : " ", rest / unit.length, unit.name);
    rest %= unit.length;
    ++shown;
  }
  return text;
}

std::string lag_text(MemberStatus const& member) {
  if (!member.lag_bytes) return "-";
  if (*member.lag_bytes == 0) return "0 B";
  auto const behind = member.lag_seconds ? fmt::format(", {:.1f} s", *member.lag_seconds) : "";
  return bytes_text(*member.lag_bytes) + behind;
}

std::string dash(std::string const& text) {
  return text.empty() ? "-" : text;
}

using Row = std::vector<std::string>;

Row row_of(MemberStatus const& member, SystemTime now) {
  auto const heartbeat =
      member.last_heartbeat
          ? duration_text(std::chrono::duration_cast<seconds>(now - *member.last_heartbeat)) +
                " ago"
          : "-";
  return {member.address.name(),
          member.role,
          member.state,
          member.is_healthy ? "ok" : "NOT OK",
          member.uptime ? duration_text(*member.uptime) : "-",
          lag_text(member),
          member.timeline ? std::to_string(*member.timeline) : "-",
          dash(member.sync),
          dash(member.source),
          heartbeat,
          member.etcd};
}

std::string painted(std::string const& text, std::string_view colour, bool colours) {
  return colours ? fmt::format("{}{}{}", colour, text, kPlain) : text;
}

/// Aligned columns; each row in its colour.
std::string table(std::vector<Row> const& rows, std::vector<std::string_view> const& paints,
                  bool colours) {
  std::vector<std::size_t> widths(rows.front().size());
  for (auto const& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t number = 0; number < rows.size(); ++number) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      line += i + 1 == widths.size() ? rows[number][i]
                                     : fmt::format("{:<{}}  ", rows[number][i], widths[i]);
    }
    text += painted(line, paints[number], colours) + "\n";
  }
  return text;
}

std::string members_text(SetStatus const& status, SystemTime now, bool colours) {
  std::vector<Row> rows{{"MEMBER", "ROLE", "STATE", "HEALTH", "UPTIME", "LAG", "TIMELINE", "SYNC",
                         "SOURCE", "HEARTBEAT", "ETCD"}};
  std::vector<std::string_view> paints{kBold};
  for (auto const& member : status.members) {
    rows.push_back(row_of(member, now));
    paints.push_back(!member.is_healthy ? kRed : member.role == "primary" ? kGreen : kPlain);
  }
  auto text = table(rows, paints, colours);
  for (auto const& member : status.members) {
    if (member.problem.empty()) continue;
    text += fmt::format("{}: {}\n", member.address.name(), member.problem);
  }
  return text;
}

std::string writes_text(SetStatus const& status) {
  if (status.writes == "no") return "no member takes writes";
  if (status.writes == "waiting") {
    return "writes wait: no synchronous standby is there to hold a copy";
  }
  return fmt::format("a write is on {} of {} members before it is answered{}",
                     status.durable_copies, status.members.size(),
                     status.is_strict ? "" : "; it would not wait for a standby");
}

std::string election_text(SetStatus const& status) {
  if (status.primary.empty()) return "there is no primary";
  auto text = fmt::format("primary {}", status.primary);
  if (status.election && status.election->primary == status.primary) {
    text += fmt::format(" since {}: {}", short_time(status.election->at), status.election->reason);
  }
  if (status.members.size() > 1) {
    text += status.successors.empty()
                ? "; nobody may follow it yet"
                : fmt::format("; {} would follow it", fmt::join(status.successors, " or "));
  }
  return text;
}

}  // namespace

JsonObject to_json(SetStatus const& status) {
  JsonArray members;
  for (auto const& member : status.members) members.push_back(to_json(member));
  Json election = nullptr;
  if (status.election) {
    election = JsonObject{{"at", format_time(status.election->at)},
                          {"primary", status.election->primary},
                          {"previous", text_or_null(status.election->previous)},
                          {"reason", status.election->reason}};
  }
  JsonArray successors;
  for (auto const& name : status.successors) successors.push_back(Json(name));
  return {{"set", status.set},
          {"healthy", status.is_healthy()},
          {"primary", text_or_null(status.primary)},
          {"writes", status.writes},
          {"durableCopies", status.durable_copies},
          {"strict", status.is_strict},
          {"successors", successors},
          {"synchronousStandbys", status.wanted_standbys},
          {"voters", status.voters},
          {"majority", status.majority},
          {"votersPresent", status.voters_present},
          {"term", status.term},
          {"timeline", or_null(status.timeline)},
          {"election", election},
          {"backups", status.backups.settings ? Json(to_json(status.backups, status.now)) : Json()},
          {"members", members}};
}

std::string to_text(SetStatus const& status, SystemTime now, bool colours) {
  auto const health = status.is_healthy()      ? painted("healthy", kGreen, colours)
                      : status.writes == "yes" ? painted("degraded", kYellow, colours)
                                               : painted("NOT WRITABLE", kRed, colours);
  auto text =
      fmt::format("set {}: {}; {} of {} votes are there, {} are a majority (term {})\n", status.set,
                  health, status.voters_present, status.voters, status.majority, status.term);
  text += writes_text(status) + "\n" + election_text(status) + "\n";
  if (status.backups.settings) {
    auto const is_well = backup_problem(status.backups, now).empty();
    text += painted(backups_line(status.backups, now), is_well ? kPlain : kRed, colours) + "\n";
  }
  text += "\n";
  return text + members_text(status, now, colours);
}

}  // namespace minga::cluster
