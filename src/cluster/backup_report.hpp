#pragma once

#include "cluster/backup_settings.hpp"
#include "cluster/pgbackrest.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace minga::cluster {

/// How the set's backups stand, as the primary's member writes it into etcd.
struct BackupReport {
  SystemTime at;
  std::string member;
  std::string problem;       // what is wrong; empty: nothing
  std::string running;       // "full", "incremental"; empty: no backup is being made
  std::int64_t waiting = 0;  // files of the log (16 MB each) that are not in the repository yet
  std::optional<SystemTime> waiting_since;
  std::optional<SystemTime> archived_at;  // when the last one was stored
  /// From here on every moment can be restored; nothing before the first backup.
  std::optional<SystemTime> since;
  std::vector<Backup> backups;  // the oldest first
  std::string answered;         // the request that was carried out last
  std::string answer;           // why it failed; empty: it did not
};

Json to_json(BackupReport const& report);
/// Throws std::invalid_argument for what to_json() did not write.
BackupReport backup_report_from(Json const& value);

/// All that etcd holds of a set's backups.
struct BackupState {
  std::optional<BackupSettings> settings;
  std::string created;  // the repository where the set's place was made; empty: none yet
  std::optional<BackupReport> report;
  std::map<std::string, std::string> unready;  // member: why it could not go on with them
  std::optional<Json> request;
};

/// `listed`: the keys below kBackupKeys.
BackupState backup_state_from(std::map<std::string, std::string> const& listed);

/// How much of the log waits, and since when.
std::string waiting_text(BackupReport const& report);

/// What is wrong with the backups, for an operator; empty when nothing is, or none are wanted.
std::string backup_problem(BackupState const& state, SystemTime now);

/// The oldest moment from which the log goes on without a gap to its newest file: the end of a
/// backup. `segments`: the files in the repository.
std::optional<SystemTime> restorable_since(std::vector<Backup> const& backups,
                                           std::vector<std::string> const& segments);

/// In the repository and its own words: for the status, and for `minga replicas backups`.
JsonObject to_json(BackupState const& state, SystemTime now);
std::string backups_line(BackupState const& state, SystemTime now);
std::string backups_text(BackupState const& state, SystemTime now);
/// A repository's sets, asked without a set that runs.
std::string stanzas_text(std::vector<Stanza> const& stanzas);

}  // namespace minga::cluster
