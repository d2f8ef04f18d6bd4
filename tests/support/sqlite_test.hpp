#pragma once

#include "support/engine.hpp"
#include "support/faulty_vfs.hpp"
#include "support/refusal.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <ostream>
#include <set>
#include <string>

namespace minga::sql {

inline void PrintTo(ErrorCode code, std::ostream* out) {
  *out << name(code);
}

}  // namespace minga::sql

namespace minga::sql::sqlite {

using testing_support::refusal;
using Ids = std::set<std::int64_t>;

inline Ids read_ids(testing_support::SqliteEngine& engine) {
  auto const rows = engine.run(engine.database->read(Statement("SELECT id FROM notes")));
  Ids ids;
  for (std::size_t i = 0; i < rows.size(); ++i) ids.insert(rows.integer(i, 0));
  return ids;
}

inline std::string check_integrity(testing_support::SqliteEngine& engine) {
  return engine.run(engine.database->read(Statement("PRAGMA integrity_check"))).text(0, 0);
}

/// Keeps the writer busy with a transaction of its own until it is let go.
class HeldWriter {
 public:
  explicit HeldWriter(testing_support::SqliteEngine& engine) {
    auto task = hold(*engine.database, began_, gate_.get_future().share());
    held_ =
        boost::asio::co_spawn(engine.threads.context(0), std::move(task), boost::asio::use_future);
    began_.get_future().get();
  }
  ~HeldWriter() {
    if (held_.valid()) release();
  }
  void release() {
    gate_.set_value();
    held_.get();
  }

 private:
  static Async<void> wait(std::promise<void>& began, std::shared_future<void> gate) {
    began.set_value();
    gate.wait();
    co_return;
  }
  static Async<void> hold(Database& database, std::promise<void>& began,
                          std::shared_future<void> gate) {
    TransactionBody body = [&began, gate](Transaction&) {
      return wait(began, gate);
    };
    co_await database.transact(std::move(body));
  }

  std::promise<void> began_;
  std::promise<void> gate_;
  std::future<void> held_;
};

/// A database with a table of notes, opened through a VFS that fails on demand.
class SqliteTest : public testing::Test {
 protected:
  explicit SqliteTest(Options options = {}) : engine_(through(vfs_, std::move(options))) {
    write("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT UNIQUE, body BLOB)");
  }

  Rows write(std::string sql, Params values = {}, Deadline deadline = kNoDeadline) {
    Statement statement(std::move(sql), std::move(values), deadline);
    return engine_.run(engine_.database->write(std::move(statement)));
  }
  Rows read(std::string sql, Params values = {}, Deadline deadline = kNoDeadline) {
    Statement statement(std::move(sql), std::move(values), deadline);
    return engine_.run(engine_.database->read(std::move(statement)));
  }
  void transact(TransactionBody body, Deadline deadline = kNoDeadline) {
    engine_.run(engine_.database->transact(std::move(body), deadline));
  }
  /// Starts a coroutine on an I/O thread.
  template <class T>
  std::future<T> start(Async<T> task, std::size_t thread = 0) {
    return boost::asio::co_spawn(engine_.threads.context(thread), std::move(task),
                                 boost::asio::use_future);
  }
  std::future<Rows> start_write(std::string sql, Params values = {},
                                Deadline deadline = kNoDeadline, std::size_t thread = 0) {
    Statement statement(std::move(sql), std::move(values), deadline);
    return start(engine_.database->write(std::move(statement)), thread);
  }
  std::future<Rows> start_insert(std::int64_t id, std::size_t thread = 0) {
    return start_write("INSERT INTO notes (id) VALUES ($1)", {id}, kNoDeadline, thread);
  }
  std::future<void> start_transact(TransactionBody body, Deadline deadline = kNoDeadline) {
    return start(engine_.database->transact(std::move(body), deadline));
  }
  /// What was started has run until it waits for the database.
  void settle() {
    for (std::size_t i = 0; i < engine_.threads.size(); ++i)
      boost::asio::post(engine_.threads.context(i), boost::asio::use_future).get();
  }
  void insert(std::int64_t id) { write("INSERT INTO notes (id) VALUES ($1)", {id}); }
  Ids ids() { return read_ids(engine_); }
  std::string integrity() { return check_integrity(engine_); }
  void reopen() {
    engine_.close();
    engine_.open();
  }

  testing_support::FaultyVfs vfs_;
  testing_support::SqliteEngine engine_;

 private:
  static Options through(testing_support::FaultyVfs const& vfs, Options options) {
    options.vfs = vfs.name();
    return options;
  }
};

}  // namespace minga::sql::sqlite
