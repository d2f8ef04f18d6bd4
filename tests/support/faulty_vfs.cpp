#include "support/faulty_vfs.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <new>
#include <stdexcept>

namespace minga::testing_support {

/// What SQLite holds as an open file; the default VFS's own file lies behind it.
struct FaultyVfs::Handle {
  sqlite3_file base;
  FaultyVfs* vfs;
  File file;
  std::string* path;  // owned; null for temporary files

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  sqlite3_int64 size() {
    sqlite3_int64 bytes = 0;
    real()->pMethods->xFileSize(real(), &bytes);
    return bytes;
  }
  static Handle& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
};

struct FaultyVfs::Methods {
  static int close(sqlite3_file* file) {
    auto& handle = Handle::of(file);
    delete handle.path;
    return handle.real()->pMethods->xClose(handle.real());
  }

  static int read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
    auto& handle = Handle::of(file);
    if (auto const code = handle.vfs->meet(handle.file, Call::read)) return code;
    return handle.real()->pMethods->xRead(handle.real(), bytes, size, offset);
  }

  static int write(sqlite3_file* file, void const* bytes, int size, sqlite3_int64 offset) {
    auto& handle = Handle::of(file);
    auto failed = handle.vfs->meet(handle.file, Call::write);
    auto const growth = std::max<sqlite3_int64>(offset + size - handle.size(), 0);
    if (failed == SQLITE_OK && !handle.vfs->take_space(growth)) failed = SQLITE_FULL;
    // A write that fails may have got half of it onto the disk.
    auto const length = failed != SQLITE_OK ? size / 2 : size;
    auto const code = handle.real()->pMethods->xWrite(handle.real(), bytes, length, offset);
    if (handle.path != nullptr && code == SQLITE_OK) {
      std::string copy(static_cast<char const*>(bytes), static_cast<std::size_t>(length));
      handle.vfs->note_change(*handle.path, {offset, std::move(copy)});
    }
    return failed != SQLITE_OK ? failed : code;
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    auto& handle = Handle::of(file);
    if (auto const code = handle.vfs->meet(handle.file, Call::truncate)) return code;
    handle.vfs->take_space(size - handle.size());
    if (handle.path != nullptr) handle.vfs->note_change(*handle.path, {size, {}});
    return handle.real()->pMethods->xTruncate(handle.real(), size);
  }

  static int sync(sqlite3_file* file, int flags) {
    auto& handle = Handle::of(file);
    if (auto const code = handle.vfs->meet(handle.file, Call::sync)) return code;
    if (handle.path != nullptr) handle.vfs->note_sync(*handle.path);
    return handle.real()->pMethods->xSync(handle.real(), flags);
  }

  /// Passes a call on as it is.
  template <auto kMethod, class... Arguments>
  static auto pass(sqlite3_file* file, Arguments... arguments) {
    auto* real = Handle::of(file).real();
    return (real->pMethods->*kMethod)(real, arguments...);
  }

  static sqlite3_io_methods const* table() {
    using Io = sqlite3_io_methods;
    static Io const methods{
        .iVersion = 3,
        .xClose = &close,
        .xRead = &read,
        .xWrite = &write,
        .xTruncate = &truncate,
        .xSync = &sync,
        .xFileSize = &pass<&Io::xFileSize>,
        .xLock = &pass<&Io::xLock>,
        .xUnlock = &pass<&Io::xUnlock>,
        .xCheckReservedLock = &pass<&Io::xCheckReservedLock>,
        .xFileControl = &pass<&Io::xFileControl>,
        .xSectorSize = &pass<&Io::xSectorSize>,
        .xDeviceCharacteristics = &pass<&Io::xDeviceCharacteristics>,
        .xShmMap = &pass<&Io::xShmMap>,
        .xShmLock = &pass<&Io::xShmLock>,
        .xShmBarrier = &pass<&Io::xShmBarrier>,
        .xShmUnmap = &pass<&Io::xShmUnmap>,
        .xFetch = &pass<&Io::xFetch>,
        .xUnfetch = &pass<&Io::xUnfetch>,
    };
    return &methods;
  }
};

namespace {

std::string unique_name() {
  static std::atomic<int> count = 0;
  return "faulty-" + std::to_string(++count);
}

FaultyVfs::File kind_of(int flags) {
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) return FaultyVfs::File::database;
  if ((flags & SQLITE_OPEN_WAL) != 0) return FaultyVfs::File::log;
  return FaultyVfs::File::other;
}

std::string contents(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

FaultyVfs::FaultyVfs()
    : name_(unique_name()), real_(sqlite3_vfs_find(nullptr)), vfs_(*sqlite3_vfs_find(nullptr)) {
  vfs_.zName = name_.c_str();
  vfs_.szOsFile = static_cast<int>(sizeof(Handle)) + real_->szOsFile;
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.xOpen = &FaultyVfs::open;
  vfs_.xDelete = &FaultyVfs::remove;
  if (sqlite3_vfs_register(&vfs_, 0) != SQLITE_OK)
    throw std::runtime_error("the VFS " + name_ + " could not be registered");
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

int FaultyVfs::open(sqlite3_vfs* vfs, char const* path, sqlite3_file* file, int flags, int* out) {
  auto* self = static_cast<FaultyVfs*>(vfs->pAppData);
  file->pMethods = nullptr;
  auto const kind = kind_of(flags);
  if (auto const code = self->meet(kind, Call::open)) return code;
  {
    std::lock_guard const lock(self->mutex_);
    if (self->read_only_ && kind == File::database) {
      flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      flags |= SQLITE_OPEN_READONLY;
    }
  }
  auto* handle = new (file) Handle{{nullptr}, self, kind, nullptr};
  auto const code = self->real_->xOpen(self->real_, path, handle->real(), flags, out);
  if (code != SQLITE_OK) return code;
  if (path != nullptr && kind != File::other) {
    handle->path = new std::string(path);
    self->note_open(*handle->path);
  }
  handle->base.pMethods = Methods::table();
  return SQLITE_OK;
}

int FaultyVfs::remove(sqlite3_vfs* vfs, char const* path, int sync_folder) {
  auto* self = static_cast<FaultyVfs*>(vfs->pAppData);
  self->note_delete(path);
  return self->real_->xDelete(self->real_, path, sync_folder);
}

int FaultyVfs::meet(File file, Call call) {
  std::lock_guard const lock(mutex_);
  ++calls_[{file, call}];
  for (auto& fault : faults_) {
    if (fault.file != file || fault.call != call) continue;
    if (fault.after > 0) {
      --fault.after;
    } else if (fault.times > 0) {
      --fault.times;
      ++failures_;
      return fault.code;
    }
  }
  return SQLITE_OK;
}

void FaultyVfs::inject(Fault fault) {
  std::lock_guard const lock(mutex_);
  faults_.push_back(fault);
}

void FaultyVfs::fill_disk(std::int64_t after) {
  inject({File::database, Call::write, SQLITE_FULL, after});
  inject({File::log, Call::write, SQLITE_FULL, after});
}

void FaultyVfs::leave_space(std::int64_t bytes) {
  std::lock_guard const lock(mutex_);
  space_ = bytes;
}

bool FaultyVfs::take_space(std::int64_t bytes) {
  std::lock_guard const lock(mutex_);
  if (space_ == kAlways) return true;
  if (bytes > space_) return false;
  space_ -= bytes;
  return true;
}

void FaultyVfs::make_read_only() {
  std::lock_guard const lock(mutex_);
  read_only_ = true;
}

void FaultyVfs::heal() {
  std::lock_guard const lock(mutex_);
  faults_.clear();
  read_only_ = false;
  space_ = kAlways;
}

std::int64_t FaultyVfs::calls(File file, Call call) const {
  std::lock_guard const lock(mutex_);
  auto const found = calls_.find({file, call});
  return found == calls_.end() ? 0 : found->second;
}

std::int64_t FaultyVfs::failures() const {
  std::lock_guard const lock(mutex_);
  return failures_;
}

void FaultyVfs::note_open(std::string const& path) {
  std::lock_guard const lock(mutex_);
  auto const [image, is_new] = images_.try_emplace(path);
  if (is_new) image->second.synced = contents(path);
}

void FaultyVfs::note_change(std::string const& path, Change change) {
  std::lock_guard const lock(mutex_);
  images_[path].pending.push_back(std::move(change));
}

void FaultyVfs::note_sync(std::string const& path) {
  std::lock_guard const lock(mutex_);
  auto& image = images_[path];
  for (auto const& change : image.pending) {
    auto const offset = static_cast<std::size_t>(change.offset);
    if (change.bytes.empty()) {
      image.synced.resize(offset);
    } else {
      image.synced.resize(std::max(image.synced.size(), offset + change.bytes.size()));
      image.synced.replace(offset, change.bytes.size(), change.bytes);
    }
  }
  image.pending.clear();
}

void FaultyVfs::note_delete(std::string const& path) {
  std::lock_guard const lock(mutex_);
  images_.erase(path);
}

void FaultyVfs::cut_power(std::filesystem::path const& folder) const {
  std::lock_guard const lock(mutex_);
  for (auto const& [path, image] : images_) {
    std::ofstream file(folder / std::filesystem::path(path).filename(), std::ios::binary);
    file << image.synced;
  }
}

}  // namespace minga::testing_support
