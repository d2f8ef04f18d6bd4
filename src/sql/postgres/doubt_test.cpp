// Commits that are cut off: each is acknowledged or run again, and done once.
#include "sql/migrations.hpp"
#include "support/postgres_test.hpp"
#include "support/proxy.hpp"

#include <fmt/format.h>

#include <atomic>
#include <libpq-fe.h>
#include <memory>
#include <random>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresServer;
using testing_support::Proxy;

constexpr char const* kInsert = "INSERT INTO notes (id, size) VALUES ($1, 0)";
constexpr char const* kAdd = "UPDATE notes SET size = size + 1 WHERE id = $1 RETURNING size";

/// Another session, which holds what it has locked until it is told to let go.
class Held {
 public:
  Held(std::string const& database, char const* sql)
      : connection_(PQconnectdb(PostgresServer::shared().url(database).c_str()), &PQfinish) {
    PQclear(PQexec(connection_.get(), sql));
  }
  void release() { connection_.reset(); }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

/// The commit of each insertion into `notes` waits for it.
struct CommitsHeld : Held {
  explicit CommitsHeld(std::string const& database)
      : Held(database, "SELECT pg_advisory_lock(1)") {}
};
/// Each change of note 100 waits for it.
struct RowHeld : Held {
  explicit RowHeld(std::string const& database)
      : Held(database, "BEGIN; SELECT * FROM notes WHERE id = 100 FOR UPDATE") {}
};

class DoubtTest : public PostgresTest {
 protected:
  DoubtTest() : proxy_(PostgresServer::shared().port()) {
    engine_.run(migrate(*engine_.database, {}));
    engine_.close();
    engine_.options.url = fmt::format("postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable",
                                      proxy_.port(), engine_.name());
    engine_.open();
    psql(
        "CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
        "pg_advisory_xact_lock_shared(1); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER held "
        "AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
        "wait_for_test()");
    insert(100);
  }

  void wait_until_held(int transactions = 1) {
    wait_for("SELECT COUNT(*) >= " + std::to_string(transactions) +
                 " FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
             "t");
  }
  void wait_until_waiting(std::string const& what, int sessions) {
    wait_for(fmt::format("SELECT COUNT(*) >= {} FROM pg_stat_activity WHERE wait_event_type = "
                         "'Lock' AND datname = current_database() AND query LIKE '{}%'",
                         sessions, what),
             "t");
  }
  void kill_sessions() {
    psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'minga' "
        "AND datname = current_database()");
  }
  double doubts() const { return counter("minga_postgres_doubts_total"); }
  void commit_once_with(void (Proxy::*cut)());

  Proxy proxy_;
};

Async<void> insert_as(Transaction& transaction, std::int64_t id, std::function<void()> after) {
  Params values{id};
  Statement insert(kInsert, std::move(values));
  co_await transaction.execute(std::move(insert));
  after();
}

void nothing() {}

/// Nobody can be told what came of it but that it is done, where its rows were cut off, too.
void acknowledged(std::future<Rows>& write) {
  try {
    EXPECT_EQ(write.get().affected(), 1);
  } catch (Error const& error) {
    if (!error.is_committed) throw;
  }
}

TEST_F(DoubtTest, AWriteCutOffWhileItCommitsIsWaitedFor) {
  CommitsHeld held(engine_.name());
  auto write = start_write(kInsert, {std::int64_t{1}});
  wait_until_held();
  proxy_.cut_all();
  wait_until_waiting("INSERT INTO _writers", 1);
  held.release();
  EXPECT_NO_THROW(acknowledged(write));
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(doubts(), 1);
}

TEST_F(DoubtTest, AWriteWhoseConfirmationIsLostIsAcknowledgedWithItsRows) {
  CommitsHeld held(engine_.name());
  auto write = start_write("INSERT INTO notes (id, size) VALUES (1, 7) RETURNING size");
  wait_until_held();
  proxy_.cut_next_answer();
  held.release();
  EXPECT_EQ(write.get().integer(0, 0), 7);
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(doubts(), 1);
}

TEST_F(DoubtTest, AWriteWhoseRowsAreLostTooIsSaidToBeDone) {
  proxy_.stall_answers(true);
  auto write = start_write("INSERT INTO notes (id, size) VALUES (1, 7) RETURNING size");
  wait_for("SELECT COUNT(*) FROM notes", "2");
  proxy_.cut_all();
  proxy_.stall_answers(false);
  auto const error = refusal([&] { write.get(); });
  EXPECT_TRUE(error.is_committed) << error.what();
  EXPECT_FALSE(error.commit_in_doubt);
  EXPECT_FALSE(error.retryable);
  EXPECT_EQ(count(), 2);
}

TEST_F(DoubtTest, AWriteThatNeverArrivedIsRunAgain) {
  proxy_.cut_next_request();
  insert(1);
  EXPECT_EQ(count(), 2);
}

TEST_F(DoubtTest, EachOfAGroupIsAcknowledged) {
  for (auto const is_done : {false, true}) {
    CommitsHeld held(engine_.name());
    std::vector<std::future<Rows>> all;
    std::int64_t const first = is_done ? 1'000 : 2'000;
    for (std::int64_t i = 0; i < 50; ++i)
      all.push_back(start_write(kInsert, {first + i}, Clock::now() + 30s));
    wait_until_held();
    is_done ? proxy_.cut_next_answer() : proxy_.cut_all();
    held.release();
    for (auto& each : all) EXPECT_NO_THROW(acknowledged(each));
  }
  EXPECT_EQ(count(), 101);
}

TEST_F(DoubtTest, ABodyCutOffBeforeItsCommitArrivedIsRunAgain) {
  int runs = 0;
  transact([&](Transaction& transaction) {
    ++runs;
    return insert_as(transaction, 1, [&] { runs == 1 ? proxy_.cut_next_request() : nothing(); });
  });
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(doubts(), 1);
}

/// A body that is cut off while it commits, by way of what the proxy does.
void DoubtTest::commit_once_with(void (Proxy::*cut)()) {
  CommitsHeld held(engine_.name());
  std::atomic<int> runs = 0;
  auto body = start_transact([&](Transaction& transaction) {
    ++runs;
    return insert_as(transaction, 1, nothing);
  });
  wait_until_held();
  (proxy_.*cut)();
  held.release();
  body.get();
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(runs, 1);
}

TEST_F(DoubtTest, ABodyCutOffWhileItCommitsIsWaitedFor) {
  commit_once_with(&Proxy::cut_all);
}

TEST_F(DoubtTest, ABodyWhoseConfirmationIsLostIsAcknowledged) {
  commit_once_with(&Proxy::cut_next_answer);
}

/// The server does not notice that nobody is there any more, and goes on with what it has.
TEST_F(DoubtTest, WhatTheServerIsStillAtIsBarredBeforeItIsRunAgain) {
  for (auto const is_first : {true, false}) {
    if (is_first) {
      engine_.close();
      engine_.open();
    }
    RowHeld held(engine_.name());
    auto write = start_write(kAdd, {std::int64_t{100}});
    wait_until_waiting("UPDATE notes", 1);
    proxy_.cut_all();
    wait_until_waiting("UPDATE notes", 2);
    held.release();
    auto const size = write.get().integer(0, 0);
    EXPECT_EQ(size, is_first ? 1 : 2);
    EXPECT_EQ(size_of(100), size);
  }
  // The connection that it is run again on may be the next to be cut.
  EXPECT_GE(doubts(), 2);
}

Async<void> hold_and_finish(Database& database, std::vector<Statement> statements,
                            std::function<void()> before) {
  std::vector<std::string> tables{"notes"};
  auto const held = co_await database.hold_writes(std::move(tables), Clock::now() + 20s);
  before();
  co_await held->finish(std::move(statements));
}

TEST_F(DoubtTest, AHoldWhoseConfirmationIsLostIsFinished) {
  CommitsHeld held(engine_.name());
  std::vector<Statement> statements;
  statements.emplace_back(kInsert, Params{std::int64_t{1}});
  auto hold = start(hold_and_finish(*engine_.database, std::move(statements), nothing));
  wait_until_held();
  proxy_.cut_next_answer();
  held.release();
  hold.get();
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(doubts(), 1);
}

TEST_F(DoubtTest, AHoldWhoseCommitNeverArrivedIsSaidToBeLost) {
  auto const error = refusal([&] {
    start(hold_and_finish(*engine_.database, {}, [&] { proxy_.cut_next_request(); })).get();
  });
  EXPECT_FALSE(error.commit_in_doubt) << error.what();
  EXPECT_TRUE(error.retryable);
  EXPECT_EQ(doubts(), 1);
}

TEST_F(DoubtTest, WhatCannotBeFoundOutByTheDeadlineStaysInDoubt) {
  CommitsHeld held(engine_.name());
  auto const until = Clock::now() + 1s;
  auto write = start_write(kInsert, {std::int64_t{1}}, until);
  auto body = start_transact(
      [](Transaction& transaction) { return insert_as(transaction, 2, nothing); }, until);
  wait_until_held(2);
  proxy_.stall(true);
  proxy_.cut_all();
  EXPECT_TRUE(refusal([&] { write.get(); }).commit_in_doubt);
  EXPECT_TRUE(refusal([&] { body.get(); }).commit_in_doubt);
  EXPECT_LT(Clock::now(), until + 4s);
  proxy_.stall(false);
  held.release();
}

TEST_F(DoubtTest, ARowThatIsGoneIsNoAnswer) {
  proxy_.stall_answers(true);
  auto write = start_write(kInsert, {std::int64_t{1}});
  wait_for("SELECT COUNT(*) FROM notes", "2");
  psql("TRUNCATE _writers");
  proxy_.cut_all();
  proxy_.stall_answers(false);
  EXPECT_TRUE(refusal([&] { write.get(); }).commit_in_doubt);
  EXPECT_EQ(count(), 2);
}

TEST_F(DoubtTest, RowsAreRenewedBeforeTheyGrowLong) {
  for (int i = 0; i < 2'500; ++i) write(kAdd, {std::int64_t{100}});
  EXPECT_EQ(size_of(100), 2'500);
  EXPECT_EQ(psql("SELECT COUNT(*) <= 2 AND MAX(number) <= 1000 FROM _writers"), "t");
  // The first mark of the next row.
  auto const left =
      1'000 - std::stoi(psql("SELECT number FROM _writers ORDER BY made DESC LIMIT 1"));
  for (int i = 0; i < left; ++i) write(kAdd, {std::int64_t{100}});
  CommitsHeld held(engine_.name());
  auto write = start_write(kInsert, {std::int64_t{1}});
  wait_until_held();
  proxy_.cut_all();
  held.release();
  EXPECT_EQ(write.get().affected(), 1);
  EXPECT_EQ(count(), 2);
}

TEST_F(DoubtTest, WhatWritesNothingLeavesNoMark) {
  auto const marks = [&] {
    return psql("SELECT SUM(number) FROM _writers");
  };
  auto const before = marks();
  transact([](Transaction& transaction) -> Async<void> {
    co_await transaction.execute(Statement("SELECT 1"));
  });
  write("UPDATE notes SET size = 1 WHERE id = 5");
  EXPECT_EQ(marks(), before);
  insert(1);
  EXPECT_NE(marks(), before);
}

TEST_F(DoubtTest, ADatabaseWithoutTheTableIsWrittenAllTheSame) {
  psql("DROP TABLE _writers");
  insert(1);
  insert(2);
  transact([](Transaction& transaction) { return insert_as(transaction, 3, nothing); });
  kill_sessions();
  insert(4);
  CommitsHeld held(engine_.name());
  auto write = start_write(kInsert, {std::int64_t{5}});
  wait_until_held();
  proxy_.cut_all();
  EXPECT_TRUE(refusal([&] { write.get(); }).commit_in_doubt);
  held.release();
}

TEST_F(DoubtTest, ATableThatGoesBeforeACommitMakesNoneFail) {
  int runs = 0;
  transact([&](Transaction& transaction) {
    return insert_as(transaction, 1, [&] { ++runs == 1 ? psql("DROP TABLE _writers") : ""; });
  });
  EXPECT_EQ(runs, 2);
  transact([](Transaction& transaction) { return insert_as(transaction, 2, nothing); });
  EXPECT_EQ(count(), 3);
}

/// As behind a pooler that cleans up its connections.
TEST_F(DoubtTest, ACommitThatIsNoLongerPreparedIsPreparedAnew) {
  int runs = 0;
  for (std::int64_t id = 1; id <= 2; ++id) {
    transact([&](Transaction& transaction) -> Async<void> {
      ++runs;
      Params values{id};
      Statement insert(kInsert, std::move(values));
      co_await transaction.execute(std::move(insert));
      if (runs == 2) co_await transaction.execute(Statement("DEALLOCATE ALL"));
    });
  }
  EXPECT_EQ(count(), 3);
}

// Everything at once.

enum class Way { write, write_all, transact };

Async<void> add_once(Database& database, std::int64_t id, Way way) {
  Params values{id};
  Statement add(kAdd, std::move(values), Clock::now() + 60s);
  if (way == Way::write) {
    co_await database.write(std::move(add));
  } else if (way == Way::write_all) {
    std::vector<Statement> statements;
    statements.push_back(std::move(add));
    statements.emplace_back("SELECT 1");
    co_await database.write_all(std::move(statements));
  } else {
    TransactionBody body = [add](Transaction& transaction) -> Async<void> {
      co_await transaction.execute(add);
    };
    co_await database.transact(std::move(body), Clock::now() + 60s);
  }
}

Async<std::int64_t> add_until(Database& database, std::int64_t id, Way way,
                              std::atomic<bool>& stop) {
  std::int64_t added = 0;
  while (!stop) {
    try {
      co_await add_once(database, id, way);
      ++added;
    } catch (Error const& error) {
      EXPECT_TRUE(error.is_committed) << error.what();
      ++added;
    }
  }
  co_return added;
}

TEST_F(DoubtTest, NothingIsLostOrDoneTwiceWhateverIsCut) {
  constexpr std::size_t kCallers = 12;
  auto const seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < kCallers; ++i) insert(static_cast<std::int64_t>(i));
  std::atomic<bool> stop = false;
  std::vector<std::future<std::int64_t>> callers;
  for (std::size_t i = 0; i < kCallers; ++i) {
    auto task =
        add_until(*engine_.database, static_cast<std::int64_t>(i), static_cast<Way>(i % 3), stop);
    callers.push_back(start(std::move(task), i % 2));
  }
  auto const total = [&] {
    return std::stoll(psql("SELECT SUM(size) FROM notes"));
  };
  for (int round = 0; round < 40; ++round) {
    auto const before = total();
    switch (random() % 4) {
      case 0:
        proxy_.cut_next_request();
        break;
      case 1:
        proxy_.cut_next_answer();
        break;
      case 2:
        proxy_.cut_all();
        break;
      default:
        kill_sessions();
    }
    auto const end = Clock::now() + 30s;
    while (total() < before + 30) ASSERT_LT(Clock::now(), end);
  }
  stop = true;
  for (std::size_t i = 0; i < kCallers; ++i) {
    auto const acknowledged = callers[i].get();
    EXPECT_EQ(size_of(static_cast<std::int64_t>(i)), acknowledged) << "caller " << i;
  }
  EXPECT_GT(doubts(), 0);
}

}  // namespace
}  // namespace minga::sql::postgres
