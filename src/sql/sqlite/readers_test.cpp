#include "sql/sqlite/readers.hpp"

#include "support/engine.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

namespace minga::sql::sqlite {
namespace {

using testing_support::SqliteEngine;

Async<Rows> read(SqliteEngine& engine, std::string sql) {
  co_return co_await engine.database->read(Statement(std::move(sql)));
}

Async<void> write(SqliteEngine& engine, std::string sql) {
  co_await engine.database->write(Statement(std::move(sql)));
}

std::int64_t number(SqliteEngine& engine, std::string sql) {
  return engine.run(read(engine, std::move(sql))).integer(0, 0);
}

/// Reads on the second I/O thread.
Async<std::int64_t> count_elsewhere(SqliteEngine& engine) {
  co_await boost::asio::post(engine.threads.context(1), boost::asio::use_awaitable);
  auto const rows = co_await engine.database->read(Statement("SELECT COUNT(*) FROM notes"));
  co_return rows.integer(0, 0);
}

Async<void> insert_and_count(SqliteEngine& engine, int times, std::atomic<int>& stale) {
  for (int i = 1; i <= times; ++i) {
    co_await engine.database->write(Statement("INSERT INTO notes (text) VALUES ('x')"));
    auto const rows = co_await engine.database->read(Statement("SELECT COUNT(*) FROM notes"));
    if (rows.integer(0, 0) < i) ++stale;
  }
}

class Readers : public ::testing::Test {
 protected:
  void SetUp() override {
    engine.run(write(engine, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"));
  }
  SqliteEngine engine;
};

TEST_F(Readers, SeeEveryWriteThatWasAcknowledged) {
  std::atomic<int> stale = 0;
  engine.run(insert_and_count(engine, 500, stale));
  EXPECT_EQ(stale, 0);
}

TEST_F(Readers, OfAnotherThreadSeeItToo) {
  for (int i = 1; i <= 200; ++i) {
    engine.run(write(engine, "INSERT INTO notes (text) VALUES ('x')"));
    auto task = boost::asio::co_spawn(engine.threads.context(1), count_elsewhere(engine),
                                      boost::asio::use_future);
    ASSERT_EQ(task.get(), i);
  }
}

TEST_F(Readers, GoOnAfterAStatementThatFailed) {
  EXPECT_EQ(number(engine, "SELECT COUNT(*) FROM notes"), 0);
  EXPECT_THROW(number(engine, "SELECT nothing FROM nowhere"), Error);
  EXPECT_EQ(number(engine, "SELECT COUNT(*) FROM notes"), 0);
}

/// A snapshot that is kept must not keep the log: under reads on both threads it begins anew.
TEST_F(Readers, LetTheLogBeginAnew) {
  auto const log = std::filesystem::path(engine.file().string() + "-wal");
  auto const text = std::string(100'000, 'x');
  std::uintmax_t largest = 0;
  for (int i = 0; i < 1'000; ++i) {
    Statement statement("INSERT INTO notes (text) VALUES ($1)", {text});
    engine.run(engine.database->write(std::move(statement)));
    number(engine, "SELECT COUNT(*) FROM notes");
    largest = std::max(largest, std::filesystem::file_size(log));
  }
  // 100 MB went through it.
  EXPECT_LT(largest, 40'000'000);
}

/// look() counts how often it is called: once for each row.
class RepeatedRead : public ::testing::Test {
 protected:
  static constexpr int kRows = 100;
  static constexpr char const* kLook = "SELECT SUM(look(id)) FROM notes";

  RepeatedRead() : engine(options(looks)) {
    engine.run(write(engine, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"));
    for (int i = 0; i < kRows; ++i)
      engine.run(write(engine, "INSERT INTO notes (text) VALUES ('x')"));
  }

  static Options options(std::atomic<int>& looks) {
    Options options;
    auto const look = [&looks](std::span<Value const> values) -> Value {
      ++looks;
      return values.front();
    };
    options.functions.push_back({"look", 1, look});
    return options;
  }
  /// Some at one time: a thread keeps its transaction for a while only.
  static Async<void> look(SqliteEngine& engine, bool is_volatile) {
    for (int i = 0; i < 10; ++i) {
      Statement statement(kLook);
      statement.is_volatile = is_volatile;
      auto const rows = co_await engine.database->read(std::move(statement));
      EXPECT_EQ(rows.integer(0, 0), kRows * (kRows + 1) / 2);
    }
  }

  std::atomic<int> looks = 0;
  SqliteEngine engine;
};

TEST_F(RepeatedRead, IsDoneOnce) {
  engine.run(look(engine, false));
  // Twice where the thread's transaction ended meanwhile.
  EXPECT_GE(looks, kRows);
  EXPECT_LE(looks, 2 * kRows);
}

TEST_F(RepeatedRead, IsDoneEachTimeWhereItIsVolatile) {
  engine.run(look(engine, true));
  EXPECT_EQ(looks, 10 * kRows);
}

TEST_F(RepeatedRead, IsDoneAgainAfterAWrite) {
  std::int64_t sum = number(engine, kLook);
  for (int i = 1; i <= 100; ++i) {
    engine.run(write(engine, "INSERT INTO notes (text) VALUES ('x')"));
    sum += kRows + i;
    ASSERT_EQ(number(engine, kLook), sum);
    ASSERT_EQ(number(engine, kLook), sum);
  }
}

TEST_F(RepeatedRead, FailsWhereItFailed) {
  constexpr auto* kBad = "SELECT json_extract(text, 'no path') FROM notes";
  for (int i = 0; i < 3; ++i) EXPECT_THROW(number(engine, kBad), Error);
}

}  // namespace
}  // namespace minga::sql::sqlite
