#pragma once

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "sql/database.hpp"
#include "sql/sqlite/sqlite.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace minga::testing_support {

/// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto name = (std::filesystem::temp_directory_path() / "minga-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("no temporary folder could be made");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(TemporaryFolder const&) = delete;
  TemporaryFolder& operator=(TemporaryFolder const&) = delete;
  std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Two I/O threads and an embedded database on them: the options' file, or a fresh one.
class SqliteEngine {
 public:
  explicit SqliteEngine(sql::sqlite::Options with = {}) : threads(2), options(std::move(with)) {
    threads.start();
    if (options.file.empty()) options.file = folder_.emplace().path() / "test.db";
    open();
  }
  ~SqliteEngine() {
    if (database) close();
  }

  void open() { database = sql::sqlite::open(threads, options, metrics); }
  void close() {
    run(database->close());
    database.reset();
  }
  std::filesystem::path const& file() const { return options.file; }

  /// Awaits on the first I/O thread.
  template <class T>
  T run(Async<T> task) {
    return boost::asio::co_spawn(threads.context(0), std::move(task), boost::asio::use_future)
        .get();
  }

  IoThreads threads;
  Metrics metrics;
  std::unique_ptr<sql::Database> database;
  sql::sqlite::Options options;  // of the next open()

 private:
  std::optional<TemporaryFolder> folder_;
};

}  // namespace minga::testing_support
