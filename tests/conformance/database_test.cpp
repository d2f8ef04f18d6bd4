// The definition of the Database port: the same suite passes on every engine.
#include "sql/migrations.hpp"
#include "support/engine.hpp"
#include "support/postgres_engine.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <limits>

namespace minga::sql {
namespace {

using testing_support::PostgresEngine;
using testing_support::SqliteEngine;
using namespace std::chrono_literals;

template <class Engine>
class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() {
    run("CREATE TABLE notes (id TEXT PRIMARY KEY, title TEXT UNIQUE, score REAL, size BIGINT, done "
        "BOOLEAN)");
  }

  Rows run(std::string sql, Params values = {}) {
    return engine_.run(engine_.database->write(Statement(std::move(sql), std::move(values))));
  }
  Rows read(std::string sql, Params values = {}) {
    return engine_.run(engine_.database->read(Statement(std::move(sql), std::move(values))));
  }
  void insert(std::string id, std::string title) {
    run("INSERT INTO notes (id, title) VALUES ($1, $2)", {id, title});
  }
  std::int64_t count() { return read("SELECT COUNT(*) FROM notes").integer(0, 0); }
  std::vector<Rows> write_all(std::vector<Statement> statements) {
    return engine_.run(engine_.database->write_all(std::move(statements)));
  }
  void transact(TransactionBody body) { engine_.run(engine_.database->transact(std::move(body))); }

  Engine engine_;
};

using Engines = testing::Types<SqliteEngine, PostgresEngine>;

/// The engine's name in that of the test.
struct EngineName {
  template <class Engine>
  static std::string GetName(int) {
    return std::is_same_v<Engine, SqliteEngine> ? "sqlite" : "postgres";
  }
};
TYPED_TEST_SUITE(DatabaseTest, Engines, EngineName);

TYPED_TEST(DatabaseTest, GivesBackEveryKindOfValue) {
  auto const large = std::numeric_limits<std::int64_t>::max();
  this->run("INSERT INTO notes VALUES ($1, $2, $3, $4, $5)", {"a", "\xC3\xB1", 1.5, large, true});
  auto const rows = this->read("SELECT * FROM notes WHERE id = $1", {"a"});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.text(0, 1), "\xC3\xB1");
  EXPECT_EQ(rows.real(0, 2), 1.5);
  EXPECT_EQ(rows.integer(0, 3), large);
  EXPECT_TRUE(rows.boolean(0, 4));
  this->run("UPDATE notes SET title = $1", {Null{}});
  EXPECT_TRUE(this->read("SELECT title FROM notes").is_null(0, 0));
}

TYPED_TEST(DatabaseTest, PlaceholdersMayComeInAnyOrderAndTwice) {
  auto const rows = this->read("SELECT $2, $1, $2", {"first", "second"});
  EXPECT_EQ(rows.text(0, 0), "second");
  EXPECT_EQ(rows.text(0, 1), "first");
  EXPECT_EQ(rows.text(0, 2), "second");
}

TYPED_TEST(DatabaseTest, SaysWhatItChangedAndReturns) {
  this->insert("a", "one");
  this->insert("b", "two");
  EXPECT_EQ(this->run("UPDATE notes SET score = 1").affected(), 2);
  auto const rows = this->run("DELETE FROM notes WHERE id = $1 RETURNING title", {"a"});
  EXPECT_EQ(rows.text(0, 0), "one");
}

TYPED_TEST(DatabaseTest, TellsTheKeyThatGrew) {
  auto const& dialect = this->engine_.database->dialect();
  this->run(fmt::format("CREATE TABLE log (number {}, text {})", dialect.growing_key(),
                        dialect.text_type()));
  auto const insert = "INSERT INTO log (text) VALUES ($1)" + dialect.returning_key("number");
  EXPECT_EQ(this->run(insert, {"a"}).inserted_key(), 1);
  EXPECT_EQ(this->run(insert, {"b"}).inserted_key(), 2);
  this->run("DELETE FROM log WHERE number = 1");
  EXPECT_EQ(this->run(insert, {"c"}).inserted_key(), 3);
}

TYPED_TEST(DatabaseTest, ReadsWhatWasAcknowledged) {
  for (int i = 0; i < 100; ++i) {
    this->insert(std::to_string(i), std::to_string(i));
    EXPECT_EQ(this->count(), i + 1);
  }
}

TYPED_TEST(DatabaseTest, NamesTheColumnsOfAUniqueViolation) {
  this->insert("a", "one");
  try {
    this->insert("b", "one");
    FAIL() << "the second title was taken";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::unique_violation);
    EXPECT_EQ(error.columns, std::vector<std::string>{"title"});
    EXPECT_TRUE(error.connection_usable);
    EXPECT_FALSE(error.commit_in_doubt);
  }
  EXPECT_EQ(this->count(), 1);
}

TYPED_TEST(DatabaseTest, RefusesAStatementThatIsWrong) {
  EXPECT_THROW(this->read("SELECT nothing FROM nowhere"), Error);
  this->insert("a", "one");
  EXPECT_EQ(this->count(), 1);
}

TYPED_TEST(DatabaseTest, RefusesATextWithAZeroWithoutHarm) {
  std::string const zero("a\0b", 3);
  auto const code = [](auto run) {
    try {
      run();
    } catch (Error const& error) {
      return error.code();
    }
    return ErrorCode::other;
  };
  EXPECT_EQ(code([&] { this->insert(zero, "one"); }), ErrorCode::invalid_text);
  EXPECT_EQ(code([&] { this->read("SELECT $1", {zero}); }), ErrorCode::invalid_text);
  TransactionBody body = [zero](Transaction& transaction) -> Async<void> {
    Params values{zero};
    Statement insert("INSERT INTO notes (id) VALUES ($1)", std::move(values));
    co_await transaction.execute(std::move(insert));
  };
  EXPECT_EQ(code([&] { this->transact(body); }), ErrorCode::invalid_text);
  this->insert("a", "one");
  EXPECT_EQ(this->count(), 1);
}

TYPED_TEST(DatabaseTest, ReadsCannotWrite) {
  EXPECT_THROW(this->read("DELETE FROM notes"), Error);
}

Async<void> insert_two(Transaction& transaction, bool fail) {
  co_await transaction.execute(Statement("INSERT INTO notes (id) VALUES ('a')"));
  co_await transaction.execute(Statement("INSERT INTO notes (id) VALUES ('b')"));
  if (fail) throw std::runtime_error("the body gave up");
}

TYPED_TEST(DatabaseTest, ATransactionIsWholeOrNothing) {
  EXPECT_THROW(
      this->transact([](Transaction& transaction) { return insert_two(transaction, true); }),
      std::runtime_error);
  EXPECT_EQ(this->count(), 0);
  this->transact([](Transaction& transaction) { return insert_two(transaction, false); });
  EXPECT_EQ(this->count(), 2);
}

TYPED_TEST(DatabaseTest, StatementsWrittenTogetherAreWholeOrNothing) {
  std::vector<Statement> statements{
      Statement("INSERT INTO notes (id, size) VALUES ($1, 1)", {std::string("a")}),
      Statement("UPDATE notes SET size = size + 1 WHERE id = 'a' RETURNING size"),
      Statement("INSERT INTO notes (id) VALUES ('b')")};
  auto const rows = this->write_all(statements);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].affected(), 1);
  EXPECT_EQ(rows[1].integer(0, 0), 2);
  statements[0].values = {std::string("c")};
  try {
    this->write_all(statements);
    ADD_FAILURE() << "a second 'b' was taken";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::unique_violation);
    EXPECT_TRUE(error.connection_usable);
  }
  EXPECT_EQ(this->count(), 2);
  EXPECT_TRUE(this->write_all({}).empty());
}

TYPED_TEST(DatabaseTest, StatementsPastTheirDeadlineAreNotBegun) {
  Statement first("INSERT INTO notes (id) VALUES ('a')");
  Statement second("INSERT INTO notes (id) VALUES ('b')");
  second.deadline = Clock::now() - std::chrono::seconds(1);
  try {
    this->write_all({first, second});
    ADD_FAILURE() << "what was past its deadline was done";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::deadline);
  }
  EXPECT_EQ(this->count(), 0);
}

Async<bool> insert_again(Transaction& transaction) {
  try {
    co_await transaction.execute(Statement("INSERT INTO notes (id) VALUES ('a')"));
  } catch (Error const&) {
    co_return false;
  }
  co_return true;
}

Async<void> go_on_after_a_failed_statement(Transaction& transaction) {
  co_await transaction.execute(Statement("INSERT INTO notes (id) VALUES ('a')"));
  EXPECT_FALSE(co_await insert_again(transaction));
  co_await transaction.execute(Statement("INSERT INTO notes (id) VALUES ('b')"));
}

TYPED_TEST(DatabaseTest, AFailedStatementUndoesItselfAlone) {
  this->transact(go_on_after_a_failed_statement);
  EXPECT_EQ(this->count(), 2);
}

TYPED_TEST(DatabaseTest, APassedDeadlineBeginsNothing) {
  Statement statement("INSERT INTO notes (id) VALUES ('a')", {}, Clock::now() - 1s);
  try {
    this->engine_.run(this->engine_.database->write(statement));
    FAIL() << "the write was done past its deadline";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::deadline);
    EXPECT_TRUE(error.retryable);
  }
  EXPECT_EQ(this->count(), 0);
}

constexpr char const* kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT "
    "COUNT(*) FROM n";

TYPED_TEST(DatabaseTest, ALongReadEndsAtItsDeadline) {
  Statement statement(kEndless, {}, Clock::now() + 100ms);
  auto const begin = Clock::now();
  EXPECT_THROW(this->engine_.run(this->engine_.database->read(statement)), Error);
  EXPECT_LT(Clock::now() - begin, 20s);
}

Async<void> insert_many(Database& database, int from, int count) {
  for (int i = from; i < from + count; ++i) {
    Params values{std::to_string(i)};
    Statement statement("INSERT INTO notes (id) VALUES ($1)", std::move(values));
    co_await database.write(std::move(statement));
  }
}

TYPED_TEST(DatabaseTest, ConcurrentWritersAllSucceed) {
  std::vector<std::future<void>> writers;
  for (int i = 0; i < 64; ++i) {
    auto& context = this->engine_.threads.context(static_cast<std::size_t>(i % 2));
    writers.push_back(boost::asio::co_spawn(
        context, insert_many(*this->engine_.database, i * 100, 100), boost::asio::use_future));
  }
  for (auto& writer : writers) writer.get();
  EXPECT_EQ(this->count(), 6'400);
  this->engine_.close();
  this->engine_.open();
  EXPECT_EQ(this->count(), 6'400);
}

TYPED_TEST(DatabaseTest, CallsAfterCloseAreRefused) {
  this->engine_.run(this->engine_.database->close());
  EXPECT_THROW(this->insert("a", "one"), Error);
  EXPECT_THROW(this->count(), Error);
  this->engine_.database.reset();
}

std::vector<Migration> numbered(int count) {
  std::vector<Migration> migrations;
  for (int i = 1; i <= count; ++i) {
    auto make = [i](Dialect const& dialect) {
      return std::vector<std::string>{"CREATE TABLE step_" + std::to_string(i) + " (id " +
                                      std::string(dialect.text_type()) + ")"};
    };
    migrations.push_back({i, "step " + std::to_string(i), make});
  }
  return migrations;
}

TYPED_TEST(DatabaseTest, MigratesFromEveryEarlierVersion) {
  auto const all = numbered(3);
  for (int have = 0; have <= 3; ++have) {
    TypeParam engine;
    engine.run(migrate(*engine.database, numbered(have)));
    engine.run(migrate(*engine.database, all));
    for (int i = 1; i <= 3; ++i) {
      EXPECT_EQ(engine
                    .run(engine.database->read(
                        Statement("SELECT COUNT(*) FROM step_" + std::to_string(i))))
                    .integer(0, 0),
                0);
    }
  }
}

TYPED_TEST(DatabaseTest, RefusesADatabaseThatIsNewer) {
  auto& engine = this->engine_;
  engine.run(migrate(*engine.database, numbered(3)));
  EXPECT_THROW(engine.run(migrate(*engine.database, numbered(2))), std::runtime_error);
}

TYPED_TEST(DatabaseTest, CopiesItselfWhileItIsUsed) {
  this->insert("a", "one");
  auto const target = this->engine_.folder() / "copy.db";
  this->engine_.run(this->engine_.database->backup(target));
  this->insert("b", "two");
  EXPECT_TRUE(std::filesystem::exists(target));
  EXPECT_THROW(this->engine_.run(this->engine_.database->backup(target)), Error);
  EXPECT_EQ(this->count(), 2);
}

TYPED_TEST(DatabaseTest, AnnouncesWithoutAWordWhereNobodyListens) {
  this->engine_.run(this->engine_.database->announce("news", Clock::now() + 10s));
  EXPECT_EQ(this->count(), 0);
}

TYPED_TEST(DatabaseTest, SaysWhoHoldsIt) {
  auto const copies = this->engine_.run(this->engine_.database->copies(Clock::now() + 10s));
  ASSERT_EQ(copies.members.size(), 1U);
  EXPECT_EQ(copies.members[0].role, "primary");
  EXPECT_EQ(copies.members[0].state, "running");
  EXPECT_TRUE(copies.members[0].is_healthy);
  EXPECT_NE(copies.members[0].name, "");
  EXPECT_EQ(copies.durable, 1);
  EXPECT_FALSE(copies.promoted_at);
}

/// Holds the writes to the notes, on the first I/O thread, until it goes.
template <class Engine>
class Held {
 public:
  explicit Held(Engine& engine, Deadline deadline = kNoDeadline) : engine_(engine) {
    held_ = engine.run(engine.database->hold_writes({"notes"}, deadline));
  }
  ~Held() { engine_.run(drop(std::move(held_))); }
  Held(Held const&) = delete;
  Held& operator=(Held const&) = delete;
  void finish(std::vector<std::string> texts) {
    std::vector<Statement> statements(texts.begin(), texts.end());
    engine_.run(held_->finish(std::move(statements)));
  }

 private:
  static Async<void> drop(std::unique_ptr<HeldWrites> held) {
    held.reset();
    co_return;
  }
  Engine& engine_;
  std::unique_ptr<HeldWrites> held_;
};

template <class Engine>
std::future<Rows> start_insert(Engine& engine, std::string id, Deadline deadline = kNoDeadline) {
  Statement statement("INSERT INTO notes (id) VALUES ($1)", {std::move(id)}, deadline);
  return boost::asio::co_spawn(engine.threads.context(1),
                               engine.database->write(std::move(statement)),
                               boost::asio::use_future);
}

ErrorCode code_of(std::future<Rows> rows) {
  try {
    rows.get();
  } catch (Error const& error) {
    return error.code();
  }
  return ErrorCode::other;
}

TYPED_TEST(DatabaseTest, HoldsWritesWhileReadsGoOn) {
  auto& engine = this->engine_;
  this->insert("before", "before");
  std::future<Rows> waiting;
  {
    Held held(engine);
    waiting = start_insert(engine, "waiting");
    EXPECT_EQ(code_of(start_insert(engine, "late", Clock::now() + 200ms)), ErrorCode::deadline);
    EXPECT_EQ(this->count(), 1);
    EXPECT_EQ(waiting.wait_for(0s), std::future_status::timeout);
  }
  waiting.get();
  EXPECT_EQ(this->count(), 2);
  this->insert("after", "after");
}

TYPED_TEST(DatabaseTest, HoldsOneTransactionWhole) {
  auto& engine = this->engine_;
  {
    Held held(engine);
    held.finish({"INSERT INTO notes (id) VALUES ('held')", "UPDATE notes SET title = 'whole'"});
  }
  EXPECT_EQ(this->read("SELECT title FROM notes").text(0, 0), "whole");
  {
    Held held(engine);
    EXPECT_THROW(held.finish({"INSERT INTO notes (id) VALUES ('a')", "INSERT INTO nothing"}),
                 Error);
  }
  EXPECT_EQ(this->count(), 1);
  this->insert("after", "after");
}

TYPED_TEST(DatabaseTest, LetsAHoldGoAtItsDeadline) {
  auto& engine = this->engine_;
  Held held(engine, Clock::now() + 300ms);
  start_insert(engine, "waiting").get();
  EXPECT_THROW(held.finish({"DELETE FROM notes"}), Error);
  EXPECT_EQ(this->count(), 1);
}

TYPED_TEST(DatabaseTest, RefusesWritesToATableThatWasMoved) {
  auto& engine = this->engine_;
  auto const& dialect = engine.database->dialect();
  this->insert("before", "before");
  std::future<Rows> waiting;
  {
    Held held(engine);
    waiting = start_insert(engine, "waiting");
    held.finish(dialect.refuse_writes("notes"));
  }
  EXPECT_EQ(code_of(std::move(waiting)), ErrorCode::moved);
  for (auto const& sql : dialect.refuse_writes("notes")) this->run(sql);
  for (std::string const sql : {"UPDATE notes SET score = 1", "DELETE FROM notes"}) {
    try {
      this->run(sql);
      FAIL() << sql;
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::moved);
    }
  }
  EXPECT_EQ(this->count(), 1);
  for (auto const& sql : dialect.allow_writes("notes")) this->run(sql);
  this->insert("after", "after");
}

TYPED_TEST(DatabaseTest, NamesItsTables) {
  auto const rows = this->read(std::string(this->engine_.database->dialect().tables()));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.text(0, 0), "notes");
}

TYPED_TEST(DatabaseTest, SaysThatItCanBeWritten) {
  EXPECT_NO_THROW(this->engine_.run(this->engine_.database->check_writable(Clock::now() + 10s)));
}

}  // namespace
}  // namespace minga::sql
