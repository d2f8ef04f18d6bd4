#pragma once

#include "sql/sqlite/connection.hpp"

namespace minga::sql::sqlite {

/// Copies the write-ahead log into the database when it has become long, on the thread of the
/// writing connection. What fails is logged and tried again later: the log has it all.
class Checkpoints {
 public:
  /// Due when the log has that many pages (4 KiB).
  Checkpoints(Connection& connection, int pages);
  Checkpoints(Checkpoints const&) = delete;
  Checkpoints& operator=(Checkpoints const&) = delete;

  /// It can begin anew only when no reader holds on to it.
  bool log_is_long() const { return log_pages_ >= pages_; }
  /// After a commit.
  void run_if_due();
  /// Copies all of it and gives its room back, if no reader needs it: when the database is closed,
  /// and when a commit met a full disk.
  void empty_log();

 private:
  void run(int mode);

  Connection& connection_;
  int pages_;
  int log_pages_ = 0;  // after the last commit
  int next_at_;        // due at this length of the log
  int patience_;       // pages from there to the next attempt
};

}  // namespace minga::sql::sqlite
