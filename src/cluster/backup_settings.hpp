#pragma once

#include "cluster/folder.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace minga::cluster {

/// The key in etcd below which all that concerns the set's backups stands.
inline constexpr std::string_view kBackupKeys = "/minga-backups/";

/// Options of pgBackRest by their names in its configuration file.
using BackupOptions = std::map<std::string, std::string>;

/// Where a set keeps its backups; the same for all members, kept in etcd.
struct BackupSettings {
  std::string repository;  // a folder that every member reaches by this path
  std::string stanza;      // the set's own place in it: no two sets ever share one
  BackupOptions options;   // besides, or instead of, those that are chosen here

  bool operator==(BackupSettings const&) const = default;
};

/// Throws std::invalid_argument unless the path is absolute and fits into a configuration file.
std::string parse_repository(std::string_view text);

/// Lines NAME=VALUE; blank ones and those that begin with # are passed over. Throws
/// std::invalid_argument for other lines, for options that are chosen here alone, and when others
/// than its owner may read the file, for it may hold keys.
BackupOptions read_backup_options(std::filesystem::path const& file);

Json to_json(BackupSettings const& settings);
/// Throws std::invalid_argument for what to_json() did not write.
BackupSettings backup_settings_from(Json const& value);

/// The files that pgBackRest needs at one member, below a folder of their own.
class BackupFolder {
 public:
  explicit BackupFolder(Folder const& folder) : root_(folder.root() / "backup") {}

  std::filesystem::path const& root() const { return root_; }
  std::filesystem::path configuration() const { return root_ / "pgbackrest.conf"; }
  /// PostgreSQL's archive_command, in which pgBackRest looks for its name.
  std::filesystem::path archive() const { return root_ / "archive-by-pgbackrest"; }
  /// What etcd holds of them, for a set whose etcd is lost.
  std::filesystem::path settings() const { return root_ / "settings.json"; }
  /// There when a member became a set of its own: what that keeps from the lost one.
  std::filesystem::path offered() const { return root_ / "offered.json"; }
  std::filesystem::path passwords() const { return root_ / "pgpass"; }
  /// Written anew each time that a piece of the log has reached the repository.
  std::filesystem::path archived() const { return root_ / "archived"; }
  /// What pgBackRest said when the last piece did not.
  std::filesystem::path failure() const { return root_ / "failure"; }

 private:
  std::filesystem::path root_;
};

/// pgBackRest's configuration file for one PostgreSQL.
std::string pgbackrest_configuration(BackupSettings const& settings, BackupFolder const& folder,
                                     std::filesystem::path const& postgres_data,
                                     std::uint16_t port);

/// PostgreSQL's archive_command as a program: hands a file of the log to pgBackRest.
std::string archive_script(std::string const& pgbackrest, BackupFolder const& folder,
                           BackupSettings const& settings);
/// The same in a set without a repository: PostgreSQL may throw its log away. archive_mode stays on
/// all the same, for to turn it on takes a restart.
std::string no_archive_script();

}  // namespace minga::cluster
