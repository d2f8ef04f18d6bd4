#pragma once

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "sql/database.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace minga::sql::sqlite {

/// A deterministic SQL function of our own, on every connection. It runs on whatever thread the
/// statement does. An exception becomes the statement's error.
struct Function {
  std::string name;
  int arity = 1;  // -1: any number
  std::function<Value(std::span<Value const>)> call;
};

struct Options {
  std::filesystem::path file;
  /// Operations waiting for the writer; more are refused with Error queue_full.
  std::size_t write_queue = 10'000;
  /// For so long a group of writes takes in those that come while it runs; its first ones wait for
  /// them.
  std::chrono::microseconds joining{1'000};
  /// Threads for reads that take longer than `read_budget` on an I/O thread.
  std::size_t readers = 2;
  std::size_t read_queue = 1'000;
  std::chrono::microseconds read_budget{2'000};
  std::size_t statement_cache = 256;
  /// Pages (4 KiB) of the write-ahead log after which it is copied into the database.
  int checkpoint_pages = 4'000;
  /// Registered SQLite VFS to open through; "" for the default. Tests force faults with it.
  std::string vfs;
  std::vector<Function> functions;
};

/// Opens or creates the file (WAL, synchronous=FULL), takes the process's lock on it, checks its
/// integrity after a crash. Throws sql::Error with a sentence for the user: the file is in use by
/// another process, no database, not writable, damaged.
std::unique_ptr<Database> open(IoThreads& threads, Options options, Metrics& metrics);

/// Reads a database that another process has open; whatever would write is Error read_only. The
/// file is not opened before the first read.
std::unique_ptr<Database> open_beside(IoThreads& threads, Options options);

/// A consistent, checked copy of a database into a new file, while a server may be using it.
/// Written under a temporary name, synced, then named. Throws sql::Error when the source is none of
/// minga's or the target exists.
void copy(std::filesystem::path const& source, std::filesystem::path const& target);

/// The file a `backup` wrote takes the place of `target`, which no process may have open. The old
/// one is kept beside it as TARGET.before-restore.
void restore(std::filesystem::path const& backup, std::filesystem::path const& target);

}  // namespace minga::sql::sqlite
