#pragma once

#include "support/temporary_folder.hpp"

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace minga::testing_support {

/// The exit status of a shell's command.
int run_shell(std::string const& command);

/// A PostgreSQL server of the test's own: a cluster in a temporary folder, its socket there, a port
/// of 127.0.0.1 that the kernel chose, user "postgres" without a password. It ends with the process
/// that started it, however that ends. When that is root, it runs as the user `postgres`, for it
/// refuses root.
class PostgresServer {
 public:
  /// `settings`: more lines of postgresql.conf. fsync is off unless they turn it on.
  explicit PostgresServer(std::vector<std::string> settings = {});
  /// A streaming standby of `primary`, copied by pg_basebackup.
  struct StandbyOf {
    PostgresServer const& primary;
  };
  explicit PostgresServer(StandbyOf standby);
  ~PostgresServer();
  PostgresServer(PostgresServer const&) = delete;
  PostgresServer& operator=(PostgresServer const&) = delete;

  /// The one server that the process's tests share, started by whoever asks first.
  static PostgresServer& shared();

  /// Makes an empty database; returns its name.
  std::string create_database();
  void drop_database(std::string const& name);

  std::string url(std::string const& database = "postgres") const;         // by TCP
  std::string socket_url(std::string const& database = "postgres") const;  // by its socket
  int port() const { return port_; }
  std::filesystem::path const& folder() const { return folder_.path(); }

  /// Runs SQL as the superuser through psql; returns its rows, unaligned, without the last newline.
  std::string sql(std::string const& text, std::string const& database = "postgres") const;

  void start();
  /// Until it answers (as a primary, if that is what it shall become).
  void wait_until_ready(bool as_primary = false) const;
  /// kill -9 of the postmaster; returns when nothing of it listens any more.
  void kill();
  /// "fast" or "immediate".
  void stop(std::string const& mode = "fast");
  void pause();  // SIGSTOP to all of its processes
  void resume();
  void promote() const;
  /// Appends to pg_hba.conf's front and reloads.
  void allow_by(std::string const& hba_line) const;
  void reload() const;
  /// Copies a file into the data folder, readable by the server alone.
  void give(std::string const& name, std::filesystem::path const& file) const;

 private:
  void own(std::filesystem::path const& path) const;
  std::vector<pid_t> processes() const;
  void run(std::vector<std::string> const& command) const;

  TemporaryFolder folder_;
  std::filesystem::path data_;
  int port_ = 0;
  pid_t postmaster_ = -1;
};

}  // namespace minga::testing_support
