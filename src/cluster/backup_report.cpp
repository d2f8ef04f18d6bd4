#include "cluster/backup_report.hpp"

#include "base/json_text.hpp"
#include "cluster/json_parts.hpp"
#include "cluster/text_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kSilence = 90s;  // the primary's member writes its report every 20 s
constexpr auto kBehind = 180s;  // PostgreSQL ends a file of the log after 60 s
constexpr std::string_view kUnready = "unready/";

std::optional<SystemTime> optional_time(Json const& value, char const* name) {
  return parse_time(text_of(find(&value, name)));
}

/// Whether no file is missing from `first` to the newest.
bool goes_on(std::set<std::int64_t> const& numbers, std::int64_t first) {
  auto const from = numbers.find(first);
  if (from == numbers.end()) return false;
  return std::distance(from, numbers.end()) == *numbers.rbegin() - first + 1;
}

std::string backup_row(Backup const& backup) {
  return fmt::format("{:<34}  {:<11}  {}  {:>10}  {:>10}\n", backup.label,
                     backup.is_full ? "full" : "incremental", short_time(backup.ended),
                     bytes_text(backup.bytes), bytes_text(backup.stored_bytes));
}

std::string backup_table(std::vector<Backup> const& backups) {
  auto text = fmt::format("{:<34}  {:<11}  {:<20}  {:>10}  {:>10}\n", "BACKUP", "TYPE", "ENDED",
                          "DATABASE", "STORED");
  for (auto const& backup : backups) text += backup_row(backup);
  return text;
}

}  // namespace

Json to_json(BackupReport const& report) {
  JsonArray backups;
  for (auto const& backup : report.backups) backups.push_back(to_json(backup));
  return JsonObject{{"at", format_time(report.at)},
                    {"member", report.member},
                    {"problem", report.problem},
                    {"running", report.running},
                    {"waiting", report.waiting},
                    {"waitingSince", time_or_null(report.waiting_since)},
                    {"archivedAt", time_or_null(report.archived_at)},
                    {"since", time_or_null(report.since)},
                    {"backups", backups},
                    {"answered", report.answered},
                    {"answer", report.answer}};
}

BackupReport backup_report_from(Json const& value) {
  auto const at = optional_time(value, "at");
  if (!at) throw std::invalid_argument("what etcd holds of the set's backups is damaged");
  BackupReport report;
  report.at = *at;
  report.member = text_of(find(&value, "member"));
  report.problem = text_of(find(&value, "problem"));
  report.running = text_of(find(&value, "running"));
  report.waiting = number_of(find(&value, "waiting")).value_or(0);
  report.waiting_since = optional_time(value, "waitingSince");
  report.archived_at = optional_time(value, "archivedAt");
  report.since = optional_time(value, "since");
  report.answered = text_of(find(&value, "answered"));
  report.answer = text_of(find(&value, "answer"));
  auto const* backups = find(&value, "backups");
  if (backups == nullptr || !backups->is_array()) return report;
  for (auto const& each : backups->get_array()) report.backups.push_back(backup_from(each));
  return report;
}

BackupState backup_state_from(std::map<std::string, std::string> const& listed) {
  BackupState state;
  for (auto const& [key, text] : listed) {
    if (!key.starts_with(kBackupKeys)) continue;
    auto const name = std::string_view(key).substr(kBackupKeys.size());
    if (name.starts_with(kUnready)) {
      state.unready.emplace(name.substr(kUnready.size()), text);
      continue;
    }
    if (name == "created") state.created = text;
    if (name == "settings") state.settings = backup_settings_from(read_json(text));
    if (name == "report") state.report = backup_report_from(read_json(text));
    if (name == "request") state.request = read_json(text);
  }
  return state;
}

std::string waiting_text(BackupReport const& report) {
  return fmt::format("{} file{} of the log (16 MB each) wait{} for the repository since {}",
                     report.waiting, report.waiting == 1 ? "" : "s", report.waiting == 1 ? "s" : "",
                     report.waiting_since ? short_time(*report.waiting_since) : "?");
}

std::string backup_problem(BackupState const& state, SystemTime now) {
  if (!state.settings) return "";
  if (!state.report) return "no member has said anything of the backups yet";
  auto const& report = *state.report;
  if (now - report.at > kSilence) {
    return fmt::format("no member has said anything of the backups since {}",
                       short_time(report.at));
  }
  auto problem = report.problem;
  auto const is_behind = report.waiting_since && now - *report.waiting_since > kBehind;
  if (problem.empty() && is_behind) problem = waiting_text(report);
  for (auto const& [member, reason] : state.unready) {
    problem += fmt::format("{}{} could not go on with the backups as the primary: {}",
                           problem.empty() ? "" : "; ", member, reason);
  }
  return problem;
}

std::optional<SystemTime> restorable_since(std::vector<Backup> const& backups,
                                           std::vector<std::string> const& segments) {
  std::set<std::int64_t> numbers;
  for (auto const& name : segments) {
    if (auto const number = segment_number(name)) numbers.insert(*number);
  }
  for (auto const& backup : backups) {
    auto const first = segment_number(backup.first_segment);
    if (first && goes_on(numbers, *first)) return backup.ended;
  }
  return std::nullopt;
}

JsonObject to_json(BackupState const& state, SystemTime now) {
  auto const problem = backup_problem(state, now);
  JsonObject made{{"repository", state.settings->repository},
                  {"stanza", state.settings->stanza},
                  {"problem", problem.empty() ? Json(nullptr) : Json(problem)}};
  auto const report = to_json(state.report.value_or(BackupReport{}));
  for (auto const* name :
       {"running", "waiting", "waitingSince", "archivedAt", "since", "backups"}) {
    made[name] = state.report ? report.at(name) : Json(nullptr);
  }
  return made;
}

std::string backups_line(BackupState const& state, SystemTime now) {
  auto text = fmt::format("backups in {}: ", state.settings->repository);
  auto const problem = backup_problem(state, now);
  if (!problem.empty()) return text + "NOT OK: " + problem;
  auto const& report = *state.report;
  if (!report.running.empty()) text += fmt::format("a {} one is being made; ", report.running);
  if (report.backups.empty()) return text + "none yet";
  auto const& last = report.backups.back();
  text += fmt::format("the last is {} of {}", last.is_full ? "full" : "incremental",
                      short_time(last.ended));
  if (report.since) text += fmt::format("; any moment since {} is kept", short_time(*report.since));
  return text;
}

std::string backups_text(BackupState const& state, SystemTime now) {
  auto text = backups_line(state, now) + "\n";
  if (!state.report || state.report->backups.empty()) return text;
  return text + "\n" + backup_table(state.report->backups);
}

std::string stanzas_text(std::vector<Stanza> const& stanzas) {
  std::string text;
  for (auto const& stanza : stanzas) {
    text += fmt::format("{}{}{}\n", text.empty() ? "" : "\n", stanza.name,
                        stanza.problem.empty() ? "" : ": " + stanza.problem);
    if (stanza.backups.empty()) {
      text += "no backup\n";
    } else {
      text += backup_table(stanza.backups);
    }
  }
  return text;
}

}  // namespace minga::cluster
