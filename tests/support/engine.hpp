#pragma once

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "sql/database.hpp"
#include "sql/sqlite/sqlite.hpp"
#include "support/temporary_folder.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <filesystem>
#include <memory>
#include <optional>

namespace minga::testing_support {

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
  std::filesystem::path folder() const { return options.file.parent_path(); }

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
