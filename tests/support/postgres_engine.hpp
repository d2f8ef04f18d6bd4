#pragma once

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "sql/postgres/postgres.hpp"
#include "support/postgres_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace minga::testing_support {

/// Two I/O threads and a fresh database of the process's PostgreSQL server on them, or that of the
/// options' URL.
class PostgresEngine {
 public:
  explicit PostgresEngine(sql::postgres::Options with = {}) : threads(2), options(std::move(with)) {
    threads.start();
    if (options.url.empty()) {
      name_ = PostgresServer::shared().create_database();
      options.url = PostgresServer::shared().url(name_);
    }
    open();
  }
  ~PostgresEngine() {
    if (database) close();
    if (!name_.empty()) PostgresServer::shared().drop_database(name_);
  }
  PostgresEngine(PostgresEngine const&) = delete;
  PostgresEngine& operator=(PostgresEngine const&) = delete;

  void open() { database = sql::postgres::open(threads, options, metrics); }
  void close() {
    run(database->close());
    database.reset();
  }
  /// For what a test writes.
  std::filesystem::path const& folder() const { return folder_.path(); }
  std::string const& name() const { return name_; }

  /// Awaits on the first I/O thread.
  template <class T>
  T run(Async<T> task) {
    return boost::asio::co_spawn(threads.context(0), std::move(task), boost::asio::use_future)
        .get();
  }

  IoThreads threads;
  Metrics metrics;
  std::unique_ptr<sql::Database> database;
  sql::postgres::Options options;  // of the next open()

 private:
  TemporaryFolder folder_;
  std::string name_;
};

}  // namespace minga::testing_support
