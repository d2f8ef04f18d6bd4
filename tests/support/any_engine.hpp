#pragma once

#include "support/engine.hpp"
#include "support/postgres_engine.hpp"

#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

namespace minga::testing_support {

/// Whether this run of the tests is for PostgreSQL: MINGA_TEST_ENGINE=postgres.
inline bool tests_postgres() {
  auto const* engine =
      std::getenv("MINGA_TEST_ENGINE");  // NOLINT(concurrency-mt-unsafe): never set by the tests
  return engine != nullptr && std::string_view(engine) == "postgres";
}

/// Two I/O threads and a fresh database on them, of the engine that this run is for. Both stand
/// behind the same port: what a test asserts holds on either.
class AnyEngine {
 public:
  /// The options are for the embedded engine.
  explicit AnyEngine(sql::sqlite::Options with = {})
      : threads(2), embedded_options_(std::move(with)) {
    threads.start();
    if (tests_postgres()) {
      name_ = PostgresServer::shared().create_database();
    } else {
      embedded_options_.file = folder_.path() / "test.db";
    }
    open();
  }
  /// Another node: its own threads and connections, on the database of `other`. PostgreSQL alone.
  struct NodeOf {
    AnyEngine const& other;
    int port = 0;  // of what stands before the server; 0: nothing does
  };
  explicit AnyEngine(NodeOf node)
      : threads(2), shared_(node.other.database_name()), port_(node.port) {
    threads.start();
    open();
  }
  ~AnyEngine() {
    if (database) close();
    if (!name_.empty()) PostgresServer::shared().drop_database(name_);
  }
  AnyEngine(AnyEngine const&) = delete;
  AnyEngine& operator=(AnyEngine const&) = delete;

  void open() {
    if (database_name().empty()) {
      database = sql::sqlite::open(threads, embedded_options_, metrics);
      return;
    }
    sql::postgres::Options options;
    auto const port = port_ == 0 ? PostgresServer::shared().port() : port_;
    options.url = "postgresql://postgres@127.0.0.1:" + std::to_string(port) + "/" +
                  database_name() + "?sslmode=disable";
    database = sql::postgres::open(threads, options, metrics);
  }
  void close() {
    run(database->close());
    database.reset();
  }

  /// Awaits on the first I/O thread.
  template <class T>
  T run(Async<T> task) {
    return boost::asio::co_spawn(threads.context(0), std::move(task), boost::asio::use_future)
        .get();
  }

  /// On PostgreSQL.
  std::string const& database_name() const { return name_.empty() ? shared_ : name_; }

  IoThreads threads;
  Metrics metrics;
  std::unique_ptr<sql::Database> database;

 private:
  TemporaryFolder folder_;
  sql::sqlite::Options embedded_options_;
  std::string name_;    // of its own
  std::string shared_;  // of another's
  int port_ = 0;        // 0: the server's own
};

}  // namespace minga::testing_support
