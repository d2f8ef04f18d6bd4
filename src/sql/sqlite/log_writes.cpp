#include "sql/sqlite/log_writes.hpp"

#include "sql/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <sqlite3.h>
#include <utility>
#include <vector>

namespace minga::sql::sqlite {
namespace {

/// Some 15 pages. SQLite's VFS for Unix takes no more than a page of 64 KiB at once: it passes on
/// the length's lowest 17 bits.
constexpr std::size_t kMostWaiting = 64 * 1024;

/// SQLite gives the memory; the file of the VFS below stands right behind.
struct LogFile {
  sqlite3_file file;  // first, as SQLite casts
  sqlite3_int64 begin = 0;
  std::vector<char> waiting;

  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }

  int write_waiting() {
    if (waiting.empty()) return SQLITE_OK;
    auto const code =
        below()->pMethods->xWrite(below(), waiting.data(), static_cast<int>(waiting.size()), begin);
    // After an error SQLite rolls back: what waited was part of that.
    waiting.clear();
    return code;
  }
};

LogFile& log_of(sqlite3_file* file) {
  return *reinterpret_cast<LogFile*>(file);
}

int close_log(sqlite3_file* file) {
  auto& log = log_of(file);
  auto const code = log.write_waiting();
  auto const closed = log.below()->pMethods->xClose(log.below());
  log.~LogFile();
  return code != SQLITE_OK ? code : closed;
}

int write_log(sqlite3_file* file, void const* bytes, int size, sqlite3_int64 at) {
  auto& log = log_of(file);
  auto const follows = at == log.begin + static_cast<sqlite3_int64>(log.waiting.size());
  if (!follows || log.waiting.size() + static_cast<std::size_t>(size) > kMostWaiting) {
    auto const code = log.write_waiting();
    if (code != SQLITE_OK) return code;
  }
  if (log.waiting.empty()) log.begin = at;
  auto const* begin = static_cast<char const*>(bytes);
  try {
    log.waiting.insert(log.waiting.end(), begin, begin + size);
  } catch (std::bad_alloc const&) {
    return SQLITE_IOERR_NOMEM;
  }
  return SQLITE_OK;
}

/// A method that needs all that was written in its place.
template <auto Method, class... Arguments>
int after_writing(sqlite3_file* file, Arguments... arguments) {
  auto& log = log_of(file);
  auto const code = log.write_waiting();
  if (code != SQLITE_OK) return code;
  return (log.below()->pMethods->*Method)(log.below(), arguments...);
}

template <auto Method, class... Arguments>
int pass(sqlite3_file* file, Arguments... arguments) {
  auto& log = log_of(file);
  return (log.below()->pMethods->*Method)(log.below(), arguments...);
}

using Methods = sqlite3_io_methods;

Methods const kLogMethods = [] {
  Methods methods{};
  methods.iVersion = 1;
  methods.xClose = close_log;
  methods.xRead = after_writing<&Methods::xRead, void*, int, sqlite3_int64>;
  methods.xWrite = write_log;
  methods.xTruncate = after_writing<&Methods::xTruncate, sqlite3_int64>;
  methods.xSync = after_writing<&Methods::xSync, int>;
  methods.xFileSize = after_writing<&Methods::xFileSize, sqlite3_int64*>;
  methods.xLock = pass<&Methods::xLock, int>;
  methods.xUnlock = pass<&Methods::xUnlock, int>;
  methods.xCheckReservedLock = pass<&Methods::xCheckReservedLock, int*>;
  methods.xFileControl = pass<&Methods::xFileControl, int, void*>;
  methods.xSectorSize = pass<&Methods::xSectorSize>;
  methods.xDeviceCharacteristics = pass<&Methods::xDeviceCharacteristics>;
  return methods;
}();

sqlite3_vfs* below(sqlite3_vfs* vfs) {
  return static_cast<sqlite3_vfs*>(vfs->pAppData);
}

int open_file(sqlite3_vfs* vfs, char const* name, sqlite3_file* file, int flags, int* given) {
  auto* const base = below(vfs);
  if ((flags & SQLITE_OPEN_WAL) == 0) return base->xOpen(base, name, file, flags, given);
  auto* const log = new (file) LogFile;
  log->file.pMethods = nullptr;
  auto const code = base->xOpen(base, name, log->below(), flags, given);
  // SQLite closes a file that could not be opened only where it has methods.
  if (log->below()->pMethods != nullptr) {
    log->file.pMethods = &kLogMethods;
  } else {
    log->~LogFile();
  }
  return code;
}

template <auto Method, class... Arguments>
auto ask(sqlite3_vfs* vfs, Arguments... arguments) {
  auto* const base = below(vfs);
  return (base->*Method)(base, arguments...);
}

using Vfs = sqlite3_vfs;

struct JoiningVfs {
  JoiningVfs(std::string own_name, Vfs* base) : name(std::move(own_name)) {
    vfs.iVersion = std::min(base->iVersion, 2);
    vfs.szOsFile = static_cast<int>(sizeof(LogFile)) + base->szOsFile;
    vfs.mxPathname = base->mxPathname;
    vfs.zName = name.c_str();
    vfs.pAppData = base;
    vfs.xOpen = open_file;
    vfs.xDelete = ask<&Vfs::xDelete, char const*, int>;
    vfs.xAccess = ask<&Vfs::xAccess, char const*, int, int*>;
    vfs.xFullPathname = ask<&Vfs::xFullPathname, char const*, int, char*>;
    vfs.xRandomness = ask<&Vfs::xRandomness, int, char*>;
    vfs.xSleep = ask<&Vfs::xSleep, int>;
    vfs.xCurrentTime = ask<&Vfs::xCurrentTime, double*>;
    vfs.xGetLastError = ask<&Vfs::xGetLastError, int, char*>;
    vfs.xCurrentTimeInt64 = ask<&Vfs::xCurrentTimeInt64, sqlite3_int64*>;
  }

  std::string name;
  Vfs vfs{};
};

}  // namespace

std::string joining_vfs(std::string const& base) {
  static std::mutex mutex;
  // Never destroyed: SQLite knows them to the end of the process.
  static auto& made = *new std::map<std::string, std::unique_ptr<JoiningVfs>>;
  std::lock_guard const lock(mutex);
  auto* const found = sqlite3_vfs_find(base.empty() ? nullptr : base.c_str());
  if (found == nullptr) throw Error(ErrorCode::other, fmt::format("There is no VFS '{}'.", base));
  auto& joining = made[found->zName];
  if (joining) return joining->name;
  joining = std::make_unique<JoiningVfs>(fmt::format("{}-joined", found->zName), found);
  if (sqlite3_vfs_register(&joining->vfs, 0) != SQLITE_OK) throw std::bad_alloc();
  return joining->name;
}

}  // namespace minga::sql::sqlite
