#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <sqlite3.h>
#include <string>
#include <vector>

namespace minga::testing_support {

/// A SQLite VFS over the default one that fails when a test says so, and that knows what a power
/// cut would leave of each file. Safe from any thread. Outlives the connections opened through it.
class FaultyVfs {
 public:
  enum class File { database, log, other };
  enum class Call { open, read, write, truncate, sync };
  static constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::max();

  struct Fault {
    File file;
    Call call;
    int code;                      // what SQLite gets: SQLITE_FULL, SQLITE_IOERR_WRITE, ...
    std::int64_t after = 0;        // calls that still succeed
    std::int64_t times = kAlways;  // calls that fail then
  };

  FaultyVfs();  // registers itself under a name of its own
  ~FaultyVfs();
  FaultyVfs(FaultyVfs const&) = delete;
  FaultyVfs& operator=(FaultyVfs const&) = delete;

  /// For Options::vfs.
  std::string const& name() const { return name_; }

  void inject(Fault fault);
  /// Writes to the database and its log meet a full disk.
  void fill_disk(std::int64_t after = 0);
  /// The disk has so much left for databases and their logs to grow; what is there already can be
  /// overwritten, and what is cut off can be used again.
  void leave_space(std::int64_t bytes);
  /// Databases opened from now on can only be read, as with a file of mode 0444.
  void make_read_only();
  /// All faults are gone.
  void heal();

  std::int64_t calls(File file, Call call) const;
  /// Calls that failed because of a fault.
  std::int64_t failures() const;

  /// Writes what the disk surely holds of every file: what was written before its last successful
  /// sync. Into `folder`, under the files' own names.
  void cut_power(std::filesystem::path const& folder) const;

 private:
  struct Handle;
  struct Methods;
  struct Change {
    std::int64_t offset;
    std::string bytes;  // nothing: the file is cut there
  };
  struct Image {
    std::string synced;
    std::vector<Change> pending;
  };

  /// The code that this call fails with, or SQLITE_OK.
  int meet(File file, Call call);
  /// A file grows, or shrinks, by so much: false when there is no space for it.
  bool take_space(std::int64_t bytes);
  void note_open(std::string const& path);
  void note_change(std::string const& path, Change change);
  void note_sync(std::string const& path);
  void note_delete(std::string const& path);
  static int open(sqlite3_vfs* vfs, char const* path, sqlite3_file* file, int flags, int* out);
  static int remove(sqlite3_vfs* vfs, char const* path, int sync_folder);

  std::string name_;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  mutable std::mutex mutex_;
  std::vector<Fault> faults_;
  bool read_only_ = false;
  std::int64_t space_ = kAlways;
  std::int64_t failures_ = 0;
  std::map<std::pair<File, Call>, std::int64_t> calls_;
  std::map<std::string, Image> images_;
};

}  // namespace minga::testing_support
