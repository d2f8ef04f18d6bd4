#pragma once

#include "async/task_group.hpp"
#include "cluster/backup_report.hpp"
#include "cluster/configuration.hpp"
#include "cluster/etcd.hpp"
#include "cluster/etcd_key.hpp"
#include "cluster/pgbackrest.hpp"

#include <optional>
#include <string>
#include <vector>

namespace minga::cluster {

/// What one member does for the set's backups while it runs: keeps pgBackRest's files as the set
/// has them in etcd, and, as the primary's, makes backups, closes gaps that a lost primary left in
/// the log's archive, and says how things stand.
class Backups {
 public:
  /// All references must outlive this. `environment` is that of the member's programs.
  Backups(boost::asio::any_io_executor executor, Processes& processes, http::Client const& client,
          Folder const& folder, SetIdentity const& identity, MemberAddress const& self,
          ReplicaPrograms const& programs, std::vector<std::string> const& environment);

  /// Before PostgreSQL starts, once etcd answers: writes its archive_command. `offered` becomes the
  /// set's repository if it has none.
  Async<void> begin(std::optional<BackupSettings> offered);
  /// One look, every second. What goes wrong stands in the report or is logged.
  Async<void> look(bool is_primary);
  /// Ends a backup that is being made.
  Async<void> stop();

 private:
  enum class Work { create_stanza, inspect, mend, back_up, full_backup };

  Async<void> look_once(bool is_primary);
  Async<void> read();
  void write_files();
  void look_for_cut();
  std::optional<Work> next_work() const;
  std::optional<Work> wanted_backup() const;
  bool is_requested() const;
  Async<void> carry_out(Work work);
  Async<void> do_work(Work work);
  Async<void> create_stanza();
  Async<void> inspect();
  Async<std::vector<Backup>> read_backups();
  Async<void> mend(std::vector<Backup> backups);
  Async<std::size_t> push_missing(std::string oldest, std::vector<std::string> const& stored);
  Async<void> back_up(bool is_full);
  Async<void> publish();
  Async<void> say_unready();
  BackupReport report() const;

  Folder const& folder_;
  SetIdentity const& identity_;
  MemberAddress self_;
  std::string program_;
  BackupFolder files_;
  Etcd etcd_;
  EtcdKey configuration_;
  PgBackRest pgbackrest_;
  BackupState state_;
  std::optional<BackupSettings> written_;
  bool has_files_ = false;
  bool is_primary_ = false;
  Clock::time_point read_{};
  std::optional<Clock::time_point> inspected_;
  std::optional<Clock::time_point> mended_;
  Clock::time_point retry_{};
  std::string work_problem_;     // why the last work failed
  std::string inspect_problem_;  // why the repository cannot be read
  std::vector<Backup> backups_;
  std::optional<SystemTime> since_;
  bool is_cut_ = false;     // the log has a gap since the last backup
  bool was_stuck_ = false;  // files could not be stored
  std::string running_;
  std::string answered_;
  std::string answer_;
  std::string published_;
  Clock::time_point published_at_{};
  std::string unready_;
  TaskGroup work_;
};

}  // namespace minga::cluster
