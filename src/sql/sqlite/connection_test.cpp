#include "sql/sqlite/connection.hpp"

#include "support/sqlite_test.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace minga::sql::sqlite {
namespace {

using namespace std::chrono_literals;

constexpr char const* kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT "
    "COUNT(*) FROM n";

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() : connection_(folder_.path() / "test.db", Access::read_write, options()) {
    run("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT)");
  }

  Rows run(std::string sql, Params values = {}) {
    return connection_.run(Statement(std::move(sql), std::move(values)));
  }
  ErrorCode code_of(std::string sql, Params values = {}) {
    try {
      run(std::move(sql), std::move(values));
    } catch (Error const& error) {
      return error.code();
    }
    ADD_FAILURE() << "the statement was not refused";
    return ErrorCode::other;
  }
  /// Statements that SQLite holds for this connection.
  int prepared() {
    int count = 0;
    for (auto* at = sqlite3_next_stmt(connection_.handle(), nullptr); at != nullptr;
         at = sqlite3_next_stmt(connection_.handle(), at)) {
      ++count;
    }
    return count;
  }

  static Value shout(std::span<Value const> values) {
    auto const* text = std::get_if<std::string>(&values[0]);
    if (text == nullptr) throw std::invalid_argument("only texts can be shouted");
    return *text + "!";
  }
  static Options options() {
    Options options;
    options.statement_cache = 8;
    options.functions.push_back({"shout", 1, shout});
    return options;
  }

  testing_support::TemporaryFolder folder_;
  Connection connection_;
};

TEST_F(ConnectionTest, PreparesAStatementOnce) {
  run("SELECT $1", {std::int64_t{1}});
  auto const before = prepared();
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_EQ(run("SELECT $1", {i}).integer(0, 0), i);
  EXPECT_EQ(prepared(), before);
}

TEST_F(ConnectionTest, KeepsNoMoreStatementsThanItsBound) {
  for (int i = 0; i < 100; ++i) {
    auto const rows = run("SELECT " + std::to_string(i));
    ASSERT_EQ(rows.integer(0, 0), i);
    ASSERT_LE(prepared(), 8);
  }
}

TEST_F(ConnectionTest, KeepsWhatIsUsedAndForgetsTheRest) {
  run("SELECT 'used'");
  for (int i = 0; i < 20; ++i) {
    run("SELECT " + std::to_string(i));
    run("SELECT 'used'");
  }
  for (auto* at = sqlite3_next_stmt(connection_.handle(), nullptr); at != nullptr;
       at = sqlite3_next_stmt(connection_.handle(), at)) {
    if (sqlite3_sql(at) == std::string("SELECT 'used'")) {
      EXPECT_EQ(sqlite3_stmt_status(at, SQLITE_STMTSTATUS_RUN, 0), 21);
      return;
    }
  }
  FAIL() << "the statement that was used most was forgotten";
}

TEST_F(ConnectionTest, RefusesWhatIsNotOneStatement) {
  EXPECT_EQ(code_of(""), ErrorCode::syntax);
  EXPECT_EQ(code_of(" -- nothing"), ErrorCode::syntax);
  EXPECT_EQ(code_of("INSERT INTO notes (id) VALUES (1); DELETE FROM notes"), ErrorCode::syntax);
  EXPECT_EQ(run("SELECT COUNT(*) FROM notes").integer(0, 0), 0);
  EXPECT_EQ(run("SELECT 1; \n").integer(0, 0), 1);
}

TEST_F(ConnectionTest, RefusesOtherPlaceholders) {
  for (auto const* sql : {"SELECT ?", "SELECT ?1", "SELECT :name", "SELECT $name", "SELECT $0"})
    EXPECT_EQ(code_of(sql, {"a"}), ErrorCode::syntax) << sql;
  EXPECT_EQ(prepared(), 1) << "a refused statement was kept";
}

TEST_F(ConnectionTest, AMissingValueIsAFaultOfTheProgram) {
  EXPECT_THROW(run("SELECT $1, $3", {"a", "b"}), std::logic_error);
  EXPECT_EQ(run("SELECT $1, $3", {"a", "b", "c"}).text(0, 1), "c");
}

TEST_F(ConnectionTest, SaysWhichConstraintFailed) {
  run("CREATE TABLE parts (id INTEGER PRIMARY KEY, note INTEGER REFERENCES notes, size INTEGER "
      "CHECK (size > 0), name TEXT NOT NULL)");
  run("PRAGMA foreign_keys = ON");
  run("INSERT INTO notes (id) VALUES (1)");
  EXPECT_EQ(code_of("INSERT INTO notes (id) VALUES (1)"), ErrorCode::unique_violation);
  EXPECT_EQ(code_of("INSERT INTO parts VALUES (1, 7, 1, 'a')"), ErrorCode::foreign_key_violation);
  EXPECT_EQ(code_of("INSERT INTO parts VALUES (1, 1, 0, 'a')"), ErrorCode::check_violation);
  EXPECT_EQ(code_of("INSERT INTO parts VALUES (1, 1, 1, NULL)"), ErrorCode::not_null_violation);
  run("INSERT INTO parts VALUES (1, 1, 1, 'a')");
}

TEST_F(ConnectionTest, CallsFunctionsOfOurOwn) {
  EXPECT_EQ(run("SELECT shout($1)", {"hey"}).text(0, 0), "hey!");
  try {
    run("SELECT shout(1)");
    FAIL() << "a number was shouted";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("only texts can be shouted"), std::string::npos);
  }
}

TEST_F(ConnectionTest, GivesUpAReadPastItsBudgetAndEndsItAtItsDeadline) {
  EXPECT_FALSE(connection_.run_within(Statement(kEndless), 5ms).has_value());
  EXPECT_TRUE(connection_.run_within(Statement("SELECT 1"), 1h).has_value());
  auto const soon = Clock::now() + 20ms;
  EXPECT_THROW(connection_.run_within(Statement(kEndless, {}, soon), 1h), Error);
  EXPECT_EQ(run("SELECT 1").integer(0, 0), 1) << "the last deadline is still there";
}

}  // namespace
}  // namespace minga::sql::sqlite
