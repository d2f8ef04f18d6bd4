#pragma once

#include "cluster/backup_settings.hpp"
#include "cluster/configuration.hpp"
#include "cluster/pgbackrest.hpp"

#include <optional>
#include <string>
#include <vector>

namespace minga::cluster {

/// What a new set begins with instead of an empty database: what another set, whether it still is
/// or not, has in a repository.
struct RestoreSettings {
  std::string repository;
  std::string stanza;  // that set's place in it; empty: the only one
  BackupOptions options;
  std::optional<SystemTime> to;  // the moment; nothing: all that there is
  /// SQL for each schema that holds `table`, one statement each, run with it as search_path: what
  /// an application must forget that was restored to an earlier moment.
  std::vector<std::string> statements;
  std::string table;
};

/// The set and the backup to begin from. Throws std::invalid_argument that says what there is.
struct RestoreChoice {
  std::string stanza;
  Backup backup;
};
RestoreChoice choose_backup(std::vector<Stanza> const& stanzas, RestoreSettings const& settings,
                            SystemTime now);

/// What PostgreSQL's last words mean for whoever asked for that moment.
std::string recovery_failure(std::string_view log, RestoreSettings const& settings);

/// Copies the backup into `folder.restored()` and lets PostgreSQL go on with the log to the moment,
/// so that the folder holds a database that was shut down in order. Nothing of the set that wrote
/// the repository is touched. Throws std::runtime_error or Error with a sentence for the operator.
Async<void> restore_database(Processes& processes, Folder const& folder,
                             ReplicaPrograms const& programs, std::vector<std::string> environment,
                             RestoreSettings settings);

}  // namespace minga::cluster
