#include "cluster/backup_settings.hpp"

#include "base/text.hpp"
#include "cluster/json_parts.hpp"
#include "cluster/process.hpp"

#include <boost/json/value_to.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>

namespace minga::cluster {
namespace {

/// What would make one member's archive another's, or hide what minga looks at.
constexpr std::array<std::string_view, 12> kOwn{
    "stanza",     "config",     "config-path",        "config-include-path",
    "lock-path",  "spool-path", "archive-async",      "log-level-stderr",
    "repo1-path", "online",     "archive-mode-check", "log-level-console"};

bool is_option_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::pair<std::string, std::string> read_line(std::string_view line) {
  auto const equals = line.find('=');
  auto const name = trim(line.substr(0, equals));
  if (equals == std::string_view::npos || !is_option_name(name)) {
    throw std::invalid_argument(
        fmt::format("'{}' is not an option of pgBackRest as NAME=VALUE, such as compress-level=6",
                    line.substr(0, 60)));
  }
  if (name.starts_with("pg1-") || std::find(kOwn.begin(), kOwn.end(), name) != kOwn.end()) {
    throw std::invalid_argument(fmt::format("{} is chosen by minga replica itself", name));
  }
  return {std::string(name), std::string(trim(line.substr(equals + 1)))};
}

/// What stands unless an operator chose otherwise.
BackupOptions usual_options() {
  return {{"archive-push-queue-max", "16GiB"},
          {"compress-type", "zst"},
          {"compress-level", "3"},
          {"repo1-bundle", "y"},
          // Every moment of the last two weeks, and one full backup from before them.
          {"repo1-retention-full-type", "time"},
          {"repo1-retention-full", "14"},
          {"process-max", "2"},
          {"start-fast", "y"}};
}

}  // namespace

std::string parse_repository(std::string_view text) {
  std::filesystem::path const path(text);
  auto const is_line = text.find_first_of("\n\r") == std::string_view::npos;
  if (path.is_absolute() && path.has_relative_path() && is_line) {
    auto normal = path.lexically_normal().string();
    if (normal.ends_with('/')) normal.pop_back();
    return normal;
  }
  throw std::invalid_argument(fmt::format(
      "'{}' is not the absolute path of a folder, such as /mnt/backups, that every member reaches",
      text));
}

BackupOptions read_backup_options(std::filesystem::path const& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & 0077) != 0) {
    throw std::invalid_argument(
        fmt::format("{} may be read by others than its owner, and may hold keys: chmod 600 {}",
                    file.string(), file.string()));
  }
  std::istringstream lines(read_text(file));
  BackupOptions options;
  for (std::string line; std::getline(lines, line);) {
    auto const text = trim(line);
    if (text.empty() || text.starts_with('#')) continue;
    try {
      options.insert_or_assign(read_line(text).first, read_line(text).second);
    } catch (std::invalid_argument const& error) {
      throw std::invalid_argument(fmt::format("{}: {}", file.string(), error.what()));
    }
  }
  return options;
}

Json to_json(BackupSettings const& settings) {
  JsonObject options;
  for (auto const& [name, value] : settings.options) options[name] = value;
  return JsonObject{
      {"repository", settings.repository}, {"stanza", settings.stanza}, {"options", options}};
}

BackupSettings backup_settings_from(Json const& value) {
  BackupSettings settings;
  settings.repository = text_of(find(&value, "repository"));
  settings.stanza = text_of(find(&value, "stanza"));
  auto const* options = find(&value, "options");
  if (settings.repository.empty() || settings.stanza.empty() || options == nullptr ||
      !options->is_object()) {
    throw std::invalid_argument("what etcd holds of the set's backups is damaged");
  }
  for (auto const& [name, option] : options->get_object()) {
    settings.options.emplace(name, text_of(&option));
  }
  return settings;
}

std::string pgbackrest_configuration(BackupSettings const& settings, BackupFolder const& folder,
                                     std::filesystem::path const& postgres_data,
                                     std::uint16_t port) {
  auto options = usual_options();
  for (auto const& [name, value] : settings.options) options[name] = value;
  options["repo1-path"] = settings.repository;
  options["lock-path"] = (folder.root() / "lock").string();
  options["spool-path"] = (folder.root() / "spool").string();
  // What it has to say comes through minga's log.
  options["log-level-file"] = "off";
  options["log-level-console"] = "off";
  options["log-level-stderr"] = "warn";
  std::string text = "# Written by minga replica.\n[global]\n";
  for (auto const& [name, value] : options) text += fmt::format("{}={}\n", name, value);
  text += fmt::format("\n[{}]\npg1-path={}\npg1-port={}\npg1-user=postgres\n", settings.stanza,
                      postgres_data.string(), port);
  return text;
}

std::string archive_script(std::string const& pgbackrest, BackupFolder const& folder,
                           BackupSettings const& settings) {
  return fmt::format(
      "#!/bin/sh\n"
      "# Written by minga replica: PostgreSQL's archive_command.\n"
      "if said=$({} --config={} --stanza={} archive-push \"$1\" 2>&1); then\n"
      "  rm -f {}\n"
      "  : > {}\n"
      "else\n"
      "  printf '%s\\n' \"$said\" > {}\n"
      "  printf '%s\\n' \"$said\" >&2\n"
      "  exit 1\n"
      "fi\n",
      shell_quoted(pgbackrest), shell_quoted(folder.configuration().string()), settings.stanza,
      shell_quoted(folder.failure().string()), shell_quoted(folder.archived().string()),
      shell_quoted(folder.failure().string()));
}

std::string no_archive_script() {
  return "#!/bin/sh\n# Written by minga replica: the set keeps no backups.\nexit 0\n";
}

}  // namespace minga::cluster
