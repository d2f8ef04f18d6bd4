#include "cluster/pgbackrest.hpp"

#include "async/deadline.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "cluster/json_parts.hpp"
#include "cluster/run_program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <stdexcept>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kNameLength = 24;  // timeline, log and segment, 8 digits each
constexpr std::int64_t kSegmentsOfLog = 256;
constexpr std::size_t kLongestWords = 400;
constexpr auto kShort = 60s;  // an object store may be slow, a mount may hang
constexpr auto kStanza = 120s;

SystemTime time_at(Json const* value) {
  auto const at = number_of(value);
  if (!at) throw std::invalid_argument("pgBackRest names no time of a backup");
  return SystemTime(std::chrono::seconds(*at));
}

Backup read_backup(Json const& value) {
  Backup backup;
  backup.label = text_of(find(&value, "label"));
  backup.is_full = text_of(find(&value, "type")) == "full";
  auto const* times = find(&value, "timestamp");
  backup.begun = time_at(find(times, "start"));
  backup.ended = time_at(find(times, "stop"));
  auto const* sizes = find(&value, "info");
  backup.bytes = number_of(find(sizes, "size")).value_or(0);
  backup.stored_bytes = number_of(find(find(sizes, "repository"), "delta")).value_or(0);
  backup.first_segment = text_of(find(find(&value, "archive"), "start"));
  return backup;
}

std::optional<std::int64_t> hexadecimal(std::string_view text) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::vector<Stanza> read_stanzas(std::string_view text) {
  boost::system::error_code error;
  auto const value = read_json(text, error);
  if (error || !value.is_array()) {
    // What it cannot decrypt it quotes as it is.
    throw Error::unavailable(
        "pgBackRest's list of backups is no JSON. If the repository is encrypted, give its options "
        "repo1-cipher-type and repo1-cipher-pass by --backup-settings FILE.");
  }
  std::vector<Stanza> stanzas;
  for (auto const& each : value.get_array()) {
    Stanza stanza;
    stanza.name = text_of(find(&each, "name"));
    auto const* status = find(&each, "status");
    auto const code = number_of(find(status, "code"));
    // 2: there is no backup yet.
    if (code != 0 && code != 2) stanza.problem = text_of(find(status, "message"));
    auto const* backups = find(&each, "backup");
    if (backups != nullptr && backups->is_array()) {
      for (auto const& backup : backups->get_array()) {
        if (!truth_of(find(&backup, "error"))) stanza.backups.push_back(read_backup(backup));
      }
    }
    stanzas.push_back(std::move(stanza));
  }
  return stanzas;
}

Json to_json(Backup const& backup) {
  return JsonObject{{"label", backup.label},
                    {"type", backup.is_full ? "full" : "incremental"},
                    {"begun", format_time(backup.begun)},
                    {"ended", format_time(backup.ended)},
                    {"bytes", backup.bytes},
                    {"storedBytes", backup.stored_bytes},
                    {"firstSegment", backup.first_segment}};
}

Backup backup_from(Json const& value) {
  auto const begun = parse_time(text_of(find(&value, "begun")));
  auto const ended = parse_time(text_of(find(&value, "ended")));
  if (!begun || !ended) throw std::invalid_argument("a backup without its times");
  Backup backup;
  backup.label = text_of(find(&value, "label"));
  backup.is_full = text_of(find(&value, "type")) == "full";
  backup.begun = *begun;
  backup.ended = *ended;
  backup.bytes = number_of(find(&value, "bytes")).value_or(0);
  backup.stored_bytes = number_of(find(&value, "storedBytes")).value_or(0);
  backup.first_segment = text_of(find(&value, "firstSegment"));
  return backup;
}

std::string words_of(std::string_view output) {
  std::istringstream lines{std::string(output)};
  std::string words;
  auto has_error = false;
  for (std::string line; std::getline(lines, line);) {
    auto text = trim(line);
    if (text.starts_with("ERROR: [")) {
      // "ERROR: [055]: unable to open"
      if (!has_error) words.clear();
      has_error = true;
      text = trim(text.substr(std::min(text.find("]: ") + 2, text.size())));
    }
    if (!text.empty()) words += (words.empty() ? "" : " ") + std::string(text);
  }
  return words.size() > kLongestWords ? words.substr(0, kLongestWords) + "..." : words;
}

std::optional<std::int64_t> segment_number(std::string_view name) {
  if (name.size() != kNameLength || !hexadecimal(name.substr(0, 8))) return std::nullopt;
  auto const log = hexadecimal(name.substr(8, 8));
  auto const segment = hexadecimal(name.substr(16));
  if (!log || !segment) return std::nullopt;
  return *log * kSegmentsOfLog + *segment;
}

PgBackRest::PgBackRest(Processes& processes, std::string program,
                       std::filesystem::path configuration, std::vector<std::string> environment)
    : processes_(processes),
      program_(std::move(program)),
      configuration_(std::move(configuration)),
      environment_(std::move(environment)) {}

Async<std::string> PgBackRest::run(std::string command, std::vector<std::string> arguments,
                                   Deadline deadline) const {
  Program program{"pgbackrest",
                  {program_, "--config=" + configuration_.string(), command},
                  environment_,
                  configuration_.parent_path()};
  program.arguments.insert(program.arguments.end(), arguments.begin(), arguments.end());
  ProgramResult result;
  auto is_late = false;
  try {
    result = co_await run_program(processes_, std::move(program), deadline);
  } catch (Error const&) {
    is_late = true;
  }
  if (is_late) {
    throw Error::unavailable(fmt::format("pgBackRest's {} gives no answer.", command));
  }
  if (result.status == 0) co_return std::move(result.output);
  auto const words = words_of(result.output);
  throw Error::unavailable(
      fmt::format("pgBackRest's {}: {}.", command,
                  words.empty() ? "it ended with " + describe_status(result.status) : words));
}

Async<std::vector<Stanza>> PgBackRest::stanzas(Deadline deadline) const {
  std::vector<std::string> arguments{"--output=json"};
  auto const text =
      co_await run("info", std::move(arguments), std::min(deadline, Clock::now() + kShort));
  co_return read_stanzas(text);
}

Async<std::vector<std::string>> PgBackRest::segments(std::string stanza, Deadline deadline) const {
  std::vector<std::string> arguments{"--recurse", "archive/" + stanza};
  auto const text =
      co_await run("repo-ls", std::move(arguments), std::min(deadline, Clock::now() + kShort));
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    // 15-1/0000000100000000/000000010000000000000001-CHECKSUM.zst
    auto name = std::string_view(line).substr(line.rfind('/') + 1);
    name = name.substr(0, name.find('-'));
    if (segment_number(name)) names.emplace_back(name);
  }
  co_return names;
}

Async<void> PgBackRest::create_stanza(std::string stanza) const {
  std::vector<std::string> arguments{"--stanza=" + stanza};
  co_await run("stanza-create", std::move(arguments), Clock::now() + kStanza);
}

Async<void> PgBackRest::back_up(std::string stanza, bool is_full) const {
  std::vector<std::string> arguments{"--stanza=" + stanza, is_full ? "--type=full" : "--type=incr"};
  co_await run("backup", std::move(arguments), kNoDeadline);
}

Async<void> PgBackRest::push(std::string stanza, std::filesystem::path segment) const {
  std::vector<std::string> arguments{"--stanza=" + stanza, segment.string()};
  co_await run("archive-push", std::move(arguments), Clock::now() + kShort);
}

Async<void> PgBackRest::restore(std::string stanza, std::string label) const {
  std::vector<std::string> arguments{"--stanza=" + stanza, "--type=none", "--set=" + label};
  co_await run("restore", std::move(arguments), kNoDeadline);
}

std::string PgBackRest::restore_command(std::string const& stanza) const {
  return fmt::format("{} --config={} --stanza={} archive-get %f \"%p\"", shell_quoted(program_),
                     shell_quoted(configuration_.string()), stanza);
}

}  // namespace minga::cluster
