#pragma once

#include "support/postgres_engine.hpp"
#include "support/refusal.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <ostream>
#include <string>

namespace minga::sql {

inline void PrintTo(ErrorCode code, std::ostream* out) {
  *out << name(code);
}

}  // namespace minga::sql

namespace minga::sql::postgres {

using namespace std::chrono_literals;
using testing_support::refusal;

/// A database on a real server, with a table `notes (id BIGINT PRIMARY KEY, size BIGINT)`.
class PostgresTest : public testing::Test {
 protected:
  explicit PostgresTest(Options options = {}) : engine_(std::move(options)) {
    write("CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, size BIGINT)");
  }

  Rows write(std::string sql, Params values = {}, Deadline deadline = kNoDeadline) {
    return start_write(std::move(sql), std::move(values), deadline).get();
  }
  Rows read(std::string sql, Params values = {}, Deadline deadline = kNoDeadline) {
    return start_read(std::move(sql), std::move(values), deadline).get();
  }
  void transact(TransactionBody body, Deadline deadline = kNoDeadline) {
    start_transact(std::move(body), deadline).get();
  }
  void insert(std::int64_t id) { write("INSERT INTO notes (id, size) VALUES ($1, 0)", {id}); }
  std::int64_t count() { return read("SELECT COUNT(*) FROM notes").integer(0, 0); }
  std::int64_t size_of(std::int64_t id) {
    return read("SELECT size FROM notes WHERE id = $1", {id}).integer(0, 0);
  }

  /// Each starts at once, on the I/O thread; the future has the outcome.
  std::future<Rows> start_write(std::string sql, Params values = {},
                                Deadline deadline = kNoDeadline, std::size_t thread = 0) {
    Statement statement(std::move(sql), std::move(values), deadline);
    return start(engine_.database->write(std::move(statement)), thread);
  }
  std::future<Rows> start_read(std::string sql, Params values = {}, Deadline deadline = kNoDeadline,
                               std::size_t thread = 0) {
    Statement statement(std::move(sql), std::move(values), deadline);
    return start(engine_.database->read(std::move(statement)), thread);
  }
  std::future<void> start_transact(TransactionBody body, Deadline deadline = kNoDeadline,
                                   std::size_t thread = 0) {
    return start(engine_.database->transact(std::move(body), deadline), thread);
  }
  template <class T>
  std::future<T> start(Async<T> task, std::size_t thread = 0) {
    return boost::asio::co_spawn(engine_.threads.context(thread), std::move(task),
                                 boost::asio::use_future);
  }

  /// As another client sees it, past this engine.
  std::string psql(std::string const& sql) {
    return testing_support::PostgresServer::shared().sql(sql, engine_.name());
  }
  /// Waits until psql answers `wanted`.
  void wait_for(std::string const& sql, std::string const& wanted) {
    auto const end = Clock::now() + 20s;
    while (psql(sql) != wanted) ASSERT_LT(Clock::now(), end) << sql << " did not become " << wanted;
  }

  double counter(std::string const& name) const {
    auto const text = engine_.metrics.text();
    auto const at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
  }

  testing_support::PostgresEngine engine_;
};

}  // namespace minga::sql::postgres
