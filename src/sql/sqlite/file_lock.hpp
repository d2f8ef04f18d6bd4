#pragma once

#include <filesystem>

namespace minga::sql::sqlite {

/// The one process (and the one opening within it) that may use a database file, by flock on
/// FILE.lock: the kernel lets go of it however the process ends.
class FileLock {
 public:
  /// Throws sql::Error busy that names the file and the process that holds it.
  explicit FileLock(std::filesystem::path const& database);
  ~FileLock();
  FileLock(FileLock const&) = delete;
  FileLock& operator=(FileLock const&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace minga::sql::sqlite
