#include "cluster/restore.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"
#include "base/text.hpp"
#include "cluster/run_program.hpp"
#include "cluster/text_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace minga::cluster {
namespace {

std::string names_of(std::vector<Stanza> const& stanzas) {
  std::string names;
  for (auto const& stanza : stanzas) names += (names.empty() ? "" : ", ") + stanza.name;
  return names;
}

Stanza const& choose_stanza(std::vector<Stanza> const& stanzas, RestoreSettings const& settings) {
  if (stanzas.empty()) {
    throw std::invalid_argument(
        fmt::format("--restore-from: {} holds no backups", settings.repository));
  }
  if (settings.stanza.empty()) {
    if (stanzas.size() == 1) return stanzas.front();
    throw std::invalid_argument(
        fmt::format("--restore-from: {} holds the backups of several sets: {}; choose one by "
                    "--restore-set. minga replicas backups --repository {} shows them",
                    settings.repository, names_of(stanzas), settings.repository));
  }
  auto const found = std::find_if(stanzas.begin(), stanzas.end(),
                                  [&](Stanza const& each) { return each.name == settings.stanza; });
  if (found != stanzas.end()) return *found;
  throw std::invalid_argument(fmt::format("--restore-set: {} holds no set '{}', but {}",
                                          settings.repository, settings.stanza, names_of(stanzas)));
}

/// Lines for PostgreSQL in single-user mode, where a statement is a line.
std::string single_user_input(RestoreSettings const& settings) {
  if (settings.statements.empty()) return "SELECT 1;\n";
  std::string run;
  for (auto const& statement : settings.statements) {
    run += fmt::format("EXECUTE $minga${}$minga$; ", statement);
  }
  return fmt::format(
      "DO $body$ DECLARE place text; BEGIN FOR place IN SELECT n.nspname FROM pg_class c JOIN "
      "pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = '{}' AND c.relkind = 'r' LOOP "
      "PERFORM set_config('search_path', quote_ident(place), true); {}END LOOP; END $body$;\n",
      settings.table, run);
}

/// `2026-11-21 12:34:56.123+00`: PostgreSQL reads no Z before it knows its time zones.
std::string recovery_time(SystemTime time) {
  return format_time(time).substr(0, 23) + "+00";
}

struct Places {
  std::filesystem::path data;  // while it is made
  std::filesystem::path work;
  std::filesystem::path pgbackrest() const { return work / "pgbackrest.conf"; }
  std::filesystem::path postgres() const { return work / "postgresql.conf"; }
  std::filesystem::path input() const { return work / "input.sql"; }
};

Program recovery(Places const& places, ReplicaPrograms const& programs,
                 std::vector<std::string> environment, RestoreSettings const& settings,
                 std::string const& restore_command) {
  // In single-user mode PostgreSQL replays the log by itself, then takes statements and shuts
  // down: nobody can reach it meanwhile. Nothing of the lost member's own settings is read.
  Program program{
      "postgres",
      {(programs.postgres / "postgres").string(), "--single", "-D", places.data.string(),
       "--config-file=" + places.postgres().string(), "-c", "restore_command=" + restore_command,
       "-c", "archive_mode=off", "-c", "hot_standby=off", "-c", "recovery_target_action=promote",
       "-c", "log_line_prefix="},
      std::move(environment),
      places.work,
      places.input()};
  if (settings.to) {
    program.arguments.insert(program.arguments.end(),
                             {"-c", "recovery_target_time=" + recovery_time(*settings.to)});
  }
  program.arguments.emplace_back("minga");
  return program;
}

/// The text after the last such mark in the log, to its line's end.
std::string after_last(std::string_view log, std::string_view mark) {
  auto const at = log.rfind(mark);
  if (at == std::string_view::npos) return "";
  auto const rest = log.substr(at + mark.size());
  return std::string(trim(rest.substr(0, rest.find('\n'))));
}

}  // namespace

RestoreChoice choose_backup(std::vector<Stanza> const& stanzas, RestoreSettings const& settings,
                            SystemTime now) {
  auto const& stanza = choose_stanza(stanzas, settings);
  auto const& backups = stanza.backups;
  if (backups.empty()) {
    throw std::invalid_argument(fmt::format("--restore-from: {} in {} has no complete backup",
                                            stanza.name, settings.repository));
  }
  if (!settings.to) return {stanza.name, backups.back()};
  if (*settings.to > now) {
    throw std::invalid_argument(fmt::format("--restore-to: {} is in the future; it is {}",
                                            format_time(*settings.to), format_time(now)));
  }
  auto const last_before = std::find_if(backups.rbegin(), backups.rend(), [&](Backup const& each) {
    return each.ended <= *settings.to;
  });
  if (last_before != backups.rend()) return {stanza.name, *last_before};
  throw std::invalid_argument(fmt::format(
      "--restore-to: {} is before the end of the oldest backup of {} in {}, {}: from then on every "
      "moment can be restored",
      format_time(*settings.to), stanza.name, settings.repository,
      short_time(backups.front().ended)));
}

std::string recovery_failure(std::string_view log, RestoreSettings const& settings) {
  if (log.find("recovery ended before configured recovery target") != std::string_view::npos) {
    auto const last = after_last(log, "last completed transaction was at log time ");
    return fmt::format(
        "--restore-to: the log in {} has no change after {}. {} Leave --restore-to away to "
        "restore all that there is.",
        settings.repository, format_time(*settings.to),
        last.empty() ? "It holds none after the backup." : fmt::format("Its last is of {}.", last));
  }
  auto const reason = after_last(log, "FATAL:  ");
  auto const error = reason.empty() ? after_last(log, "ERROR:  ") : reason;
  return fmt::format("PostgreSQL cannot go on from the backup in {}: {}.", settings.repository,
                     error.empty() ? words_of(log) : error);
}

Async<void> restore_database(Processes& processes, Folder const& folder,
                             ReplicaPrograms const& programs, std::vector<std::string> environment,
                             RestoreSettings settings) {
  Places const places{folder.root() / "restoring", folder.root() / "restore"};
  std::filesystem::remove_all(folder.restored());
  std::filesystem::remove_all(places.data);
  make_private_folder(places.data);
  make_private_folder(places.work);
  BackupSettings source{settings.repository, "", settings.options};
  // pgBackRest reads options for one set by its name, and lists all of them without.
  source.stanza = settings.stanza.empty() ? "any" : settings.stanza;
  auto const write = [&] {
    write_private(places.pgbackrest(),
                  pgbackrest_configuration(source, BackupFolder(folder), places.data, 5432));
  };
  write();
  PgBackRest const pgbackrest(processes, programs.pgbackrest, places.pgbackrest(), environment);
  auto const stanzas = co_await pgbackrest.stanzas(kNoDeadline);
  auto const choice = choose_backup(stanzas, settings, now_millis());
  source.stanza = choice.stanza;
  write();
  log::info(fmt::format("restoring {} of {} ({})", choice.backup.label, choice.stanza,
                        bytes_text(choice.backup.bytes)));
  co_await pgbackrest.restore(choice.stanza, choice.backup.label);
  // The settings of the set that wrote it, which are not this one's.
  std::filesystem::remove(places.data / "patroni.dynamic.json");
  write_private(places.data / "recovery.signal", "");
  write_private(places.postgres(), "timezone = 'UTC'\nlog_timezone = 'UTC'\n");
  write_private(places.input(), single_user_input(settings));
  log::info(settings.to ? fmt::format("going on with the log to {}", format_time(*settings.to))
                        : std::string("going on with the log to its end"));
  auto program = recovery(places, programs, std::move(environment), settings,
                          pgbackrest.restore_command(choice.stanza));
  auto const result = co_await run_program(processes, std::move(program), kNoDeadline);
  log::debug(result.output);
  auto const& log = result.output;
  if (result.status != 0 || log.find("ERROR:  ") != std::string::npos) {
    throw std::runtime_error(recovery_failure(log, settings));
  }
  log::info(fmt::format("the last change that was restored is of {}",
                        after_last(log, "last completed transaction was at log time ")));
  std::filesystem::rename(places.data, folder.restored());
  std::filesystem::remove_all(places.work);
}

}  // namespace minga::cluster
