#pragma once

#include "support/engine.hpp"
#include "support/faulty_vfs.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <set>
#include <string>

namespace minga::sql {

inline void PrintTo(ErrorCode code, std::ostream* out) {
  *out << name(code);
}

}  // namespace minga::sql

namespace minga::sql::sqlite {

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
  void insert(std::int64_t id) { write("INSERT INTO notes (id) VALUES ($1)", {id}); }
  Ids ids() { return read_ids(engine_); }
  std::string integrity() { return check_integrity(engine_); }
  void reopen() {
    engine_.close();
    engine_.open();
  }

  /// The Error that the call ends with; a test failure when it does not.
  template <class Call>
  static Error refusal(Call call) {
    try {
      call();
    } catch (Error const& error) {
      return error;
    }
    ADD_FAILURE() << "the call was not refused";
    return Error(ErrorCode::other, "not refused");
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
