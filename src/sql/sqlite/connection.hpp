#pragma once

#include "sql/error.hpp"
#include "sql/rows.hpp"
#include "sql/sqlite/sqlite.hpp"
#include "sql/statement.hpp"

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <unordered_map>

namespace minga::sql::sqlite {

enum class Access { read_write, read_only };

/// The statements that begin and end things, prepared once.
enum class Control { begin, begin_immediate, commit, rollback, savepoint, rollback_to, release };

/// One SQLite connection with its prepared statements. Used by one thread at a time.
class Connection {
 public:
  Connection(std::filesystem::path const& file, Access access, Options const& options);
  ~Connection();
  Connection(Connection const&) = delete;
  Connection& operator=(Connection const&) = delete;

  /// Runs a statement to its end. Past its deadline it is interrupted: Error deadline.
  Rows run(Statement const& statement);
  /// As run(), but nothing when the statement takes longer than `budget`.
  std::optional<Rows> run_within(Statement const& statement, std::chrono::microseconds budget);
  /// One statement without values or rows.
  void execute(char const* sql);
  void control(Control statement);
  /// The only value of a statement's only row, as text.
  std::string query_text(char const* sql);

  /// False inside a transaction. SQLite ends one by itself on some errors.
  bool autocommit() const { return sqlite3_get_autocommit(handle_) != 0; }
  /// Grows with every statement that may have changed something and did not fail.
  std::uint64_t changes() const { return changes_; }
  /// Of SQLite's virtual machine: what the last statement of run() or run_within() cost.
  int steps() const { return steps_; }
  sqlite3* handle() const { return handle_; }
  /// The error of the last call, with what SQLite says.
  Error last_error();
  /// An fsync has failed on this connection, whoever caught the error.
  bool sync_failed() const { return sync_failed_; }

  /// How long a statement waits for another process's lock.
  static constexpr int kBusyMillis = 5'000;

 private:
  struct Prepared {
    std::string sql;
    sqlite3_stmt* statement = nullptr;
    std::vector<int> ordinals;  // of each parameter: the N of $N, from 0
    std::shared_ptr<std::vector<std::string> const> columns;
  };

  void open(std::filesystem::path const& file, Access access, Options const& options);
  Prepared& prepare(std::string const& sql);
  void bind(Prepared const& prepared, Params const& values);
  Rows collect(Prepared const& prepared);
  Rows run_watched(Statement const& statement);
  static int on_progress(void* self);

  sqlite3* handle_ = nullptr;
  std::array<sqlite3_stmt*, 7> controls_{};
  std::size_t cache_bound_;
  std::list<Prepared> cache_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Prepared>::iterator> by_sql_;
  Deadline stop_at_ = Deadline::max();
  std::uint64_t changes_ = 0;
  int steps_ = 0;
  bool sync_failed_ = false;
};

}  // namespace minga::sql::sqlite
