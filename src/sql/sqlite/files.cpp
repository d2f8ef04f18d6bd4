// Whole database files: what makes one minga's, copies, restores.
#include "sql/sqlite/files.hpp"

#include "base/logging.hpp"
#include "sql/sqlite/connection.hpp"
#include "sql/sqlite/file_lock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace minga::sql::sqlite {
namespace {

constexpr auto kApplicationId = "1835626087";  // "ming"

/// An error that is a whole sentence for the user.
struct Refusal : Error {
  using Error::Error;
};

Refusal refusal(ErrorCode code, std::string const& message) {
  return Refusal(code, message);
}

bool is_new(Connection& connection) {
  return connection.query_text("PRAGMA application_id") == "0" &&
         connection.query_text("SELECT COUNT(*) FROM sqlite_master") == "0";
}

void require_ours(Connection& connection, std::filesystem::path const& file) {
  if (connection.query_text("PRAGMA application_id") == kApplicationId) return;
  throw refusal(
      ErrorCode::corrupt,
      fmt::format("{} is a database, but none of minga's. Choose another file.", file.string()));
}

void require_whole(Connection& connection, std::filesystem::path const& file,
                   std::string_view advice) {
  auto verdict = connection.query_text("PRAGMA quick_check(1)");
  if (verdict == "ok") return;
  std::replace(verdict.begin(), verdict.end(), '\n', ' ');
  throw refusal(ErrorCode::corrupt,
                fmt::format("The database {} is damaged ({}). {}", file.string(), verdict, advice));
}

Error not_writable(std::filesystem::path const& file) {
  return refusal(
      ErrorCode::read_only,
      fmt::format(
          "The database {} cannot be written: the file, its folder or the disk is read-only.",
          file.string()));
}

/// A sentence in place of SQLite's for what a user meets when opening.
Error explain(Error const& error, std::filesystem::path const& file) {
  if (dynamic_cast<Refusal const*>(&error) != nullptr) return error;
  auto const name = file.string();
  switch (error.code()) {
    case ErrorCode::corrupt:
      return refusal(error.code(),
                     fmt::format("{} is no database, or it is damaged: {}.", name, error.what()));
    case ErrorCode::read_only:
      return not_writable(file);
    case ErrorCode::io:
      return refusal(error.code(),
                     fmt::format("The database {} cannot be opened: {}.", name, error.what()));
    case ErrorCode::full:
      return refusal(error.code(),
                     fmt::format("There is no space left for the database {}.", name));
    default:
      return error;
  }
}

/// Makes the file its owner's alone before SQLite makes it everybody's to read: it holds the
/// records and what signs cookies. One that is there stays as it is; what cannot be made SQLite
/// says.
void make_private(std::filesystem::path const& file) {
  auto const descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0) ::close(descriptor);
}

void prepare_connection(Connection& connection, std::filesystem::path const& file,
                        bool was_closed) {
  // SQLite opens what it may not write for reading, and says so at the first write only.
  if (sqlite3_db_readonly(connection.handle(), "main") == 1) throw not_writable(file);
  if (is_new(connection)) {
    connection.execute(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str());
  } else {
    require_ours(connection, file);
  }
  if (!was_closed) {
    log::warning(fmt::format("{} was not closed by its last process: checking that it is whole",
                             file.string()));
    require_whole(connection, file, "Put a backup in its place: minga restore FILE.");
  }
  if (connection.query_text("PRAGMA journal_mode = WAL") != "wal") {
    throw refusal(
        ErrorCode::io,
        fmt::format("{} lies on a file system without shared memory: SQLite's WAL mode needs it.",
                    file.string()));
  }
}

void sync(std::filesystem::path const& path) {
  auto const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  auto const synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  auto const cause = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced)
    throw refusal(ErrorCode::io, fmt::format("{} could not be synced to disk: {}.", path.string(),
                                             std::generic_category().message(cause)));
}

std::filesystem::path folder_of(std::filesystem::path const& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

/// Deletes a half-written file unless it was given its name.
class Partial {
 public:
  explicit Partial(std::filesystem::path const& target)
      : path_(target.string() + ".partial"), target_(target) {
    std::filesystem::remove(path_);
  }
  ~Partial() {
    std::error_code ignored;  // a leftover .partial is replaced by the next copy
    std::filesystem::remove(path_, ignored);
  }
  std::filesystem::path const& path() const { return path_; }

  /// Synced, then named; fails when the target came to be meanwhile.
  void keep() {
    sync(path_);
    if (::link(path_.c_str(), target_.c_str()) != 0) {
      throw refusal(ErrorCode::io, fmt::format("{} cannot be written: {}.", target_.string(),
                                               std::generic_category().message(errno)));
    }
    sync(folder_of(target_));
  }

 private:
  std::filesystem::path path_;
  std::filesystem::path target_;
};

void copy_pages(Connection& source, std::filesystem::path const& from,
                std::filesystem::path const& target) {
  Options options;
  make_private(target);
  Connection destination(target, Access::read_write, options);
  auto* backup = sqlite3_backup_init(destination.handle(), "main", source.handle(), "main");
  if (backup == nullptr) throw destination.last_error();
  // One step under one read transaction: the copy is the state of one moment, and in WAL mode
  // nobody waits for it.
  auto const code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) throw destination.last_error();
  destination.execute("PRAGMA journal_mode = DELETE");  // no -wal beside a copy
  require_whole(destination, from, "Nothing is made of it.");
}

/// A reading connection to a database of minga's. Throws Error with a sentence that names the file.
std::unique_ptr<Connection> open_ours(std::filesystem::path const& file) {
  try {
    auto connection = std::make_unique<Connection>(file, Access::read_only, Options{});
    require_ours(*connection, file);
    return connection;
  } catch (Error const& error) {
    throw explain(error, file);
  }
}

void require_absent(std::filesystem::path const& target) {
  if (std::filesystem::exists(target)) {
    throw refusal(
        ErrorCode::io,
        fmt::format("{} exists already; a backup is written to a new file.", target.string()));
  }
}

void require_folder(std::filesystem::path const& target) {
  auto const folder = folder_of(target);
  if (!std::filesystem::is_directory(folder))
    throw refusal(ErrorCode::io, fmt::format("{} cannot be written: there is no folder {}.",
                                             target.string(), folder.string()));
}

void require_present(std::filesystem::path const& source) {
  if (!std::filesystem::exists(source))
    throw refusal(ErrorCode::io, fmt::format("There is no file {}.", source.string()));
}

/// Gives the file and its log a second name each: the old database stays in its place until the
/// restored one takes it. Its log goes into it where it is whole; a damaged one, which is what
/// restoring is for, keeps its log beside it.
void keep_before_restore(std::filesystem::path const& target) {
  try {
    Connection old(target, Access::read_write, Options{});
    old.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (Error const& error) {
    log::warning(fmt::format("The database that is replaced is not whole: {}", error.what()));
  }
  for (auto const* suffix : {"", "-wal"}) {
    auto const from = target.string() + suffix;
    auto const before = target.string() + ".before-restore" + suffix;
    std::filesystem::remove(before);
    if (std::filesystem::exists(from)) std::filesystem::create_hard_link(from, before);
  }
}

}  // namespace

void prepare_file(Options const& options) {
  auto const wal = options.file.string() + "-wal";
  std::error_code absent;
  auto const left = std::filesystem::file_size(wal, absent);
  auto const was_closed = absent || left == 0;
  make_private(options.file);
  try {
    Connection connection(options.file, Access::read_write, options);
    prepare_connection(connection, options.file, was_closed);
  } catch (Error const& error) {
    throw explain(error, options.file);
  }
}

void copy(std::filesystem::path const& source, std::filesystem::path const& target) {
  require_present(source);
  require_absent(target);
  require_folder(target);
  auto const connection = open_ours(source);
  try {
    Partial partial(target);
    copy_pages(*connection, source, partial.path());
    partial.keep();
  } catch (Error const& error) {
    throw explain(error, target);
  }
}

void restore(std::filesystem::path const& backup, std::filesystem::path const& target) {
  require_present(backup);
  FileLock const lock(target);
  auto const fresh = std::filesystem::path(target.string() + ".restored");
  std::filesystem::remove(fresh);
  sqlite::copy(backup, fresh);
  if (std::filesystem::exists(target)) keep_before_restore(target);
  for (auto const* suffix : {"-wal", "-shm"}) std::filesystem::remove(target.string() + suffix);
  std::filesystem::rename(fresh, target);
  sync(folder_of(target));
}

}  // namespace minga::sql::sqlite
