// What a caller notices when servers and connections go away: at most that it takes longer.
#include "sql/migrations.hpp"
#include "sql/postgres/connecting.hpp"
#include "support/postgres_test.hpp"
#include "support/proxy.hpp"
#include "support/replica_pair.hpp"

#include <fmt/format.h>

#include <atomic>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresEngine;
using testing_support::PostgresServer;
using testing_support::Proxy;
using testing_support::ReplicaPair;

constexpr char const* kInsert = "INSERT INTO notes (id, size) VALUES ($1, 0)";

Options at(std::string url) {
  Options options;
  options.url = std::move(url);
  return options;
}

Async<void> insert_two(Transaction& transaction, std::function<void()> between,
                       std::function<void()> before_commit) {
  for (std::int64_t id : {1, 2}) {
    Params values{id};
    Statement insert(kInsert, std::move(values));
    co_await transaction.execute(std::move(insert));
    if (id == 1) between();
  }
  before_commit();
}

void nothing() {}

// Connections that end, the server staying.

class CutTest : public PostgresTest {
 protected:
  CutTest() : proxy_(PostgresServer::shared().port()) {
    engine_.run(migrate(*engine_.database, {}));
    engine_.close();
    engine_.options.url = fmt::format("postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable",
                                      proxy_.port(), engine_.name());
    engine_.open();
    insert(100);
  }

  void kill_sessions() {
    psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'minga' "
        "AND datname = current_database()");
  }

  Proxy proxy_;
};

TEST_F(CutTest, IdleConnectionsThatEndAreReplaced) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(count(), i + 1);
    kill_sessions();
    insert(i);
  }
  proxy_.cut_all();
  insert(50);
  EXPECT_EQ(count(), 7);
}

TEST_F(CutTest, AReadThatIsCutOffIsRunAgain) {
  for (int i = 0; i < 5; ++i) {
    proxy_.cut_next_answer();
    EXPECT_EQ(count(), 1);
    EXPECT_TRUE(proxy_.has_cut());
  }
}

TEST_F(CutTest, ATransactionCutOffBeforeItsCommitIsRunAgain) {
  int cuts = 0;
  transact([&](Transaction& transaction) {
    return insert_two(
        transaction, [&] { ++cuts == 1 ? proxy_.cut_next_request() : nothing(); }, nothing);
  });
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(cuts, 2);
  cuts = 0;
  transact([&](Transaction& transaction) -> Async<void> {
    ++cuts == 1 ? kill_sessions() : nothing();
    co_await transaction.execute(Statement("UPDATE notes SET size = size + 1"));
    cuts == 1 ? kill_sessions() : nothing();
    co_await transaction.execute(Statement("UPDATE notes SET size = size + 1"));
  });
  EXPECT_EQ(size_of(1), 2);
}

TEST_F(CutTest, AStalledConnectionEndsReadsAtTheirDeadline) {
  EXPECT_EQ(count(), 1);
  proxy_.stall(true);
  auto const begin = Clock::now();
  auto const error = refusal([&] { read("SELECT COUNT(*) FROM notes", {}, Clock::now() + 300ms); });
  EXPECT_EQ(error.code(), ErrorCode::deadline);
  EXPECT_LT(Clock::now() - begin, 2s);
  proxy_.stall(false);
  EXPECT_EQ(count(), 1);
}

TEST_F(CutTest, AStalledWriteIsInDoubtSoonAfterItsDeadline) {
  proxy_.stall(true);
  auto const begin = Clock::now();
  auto const error = refusal([&] { write(kInsert, {std::int64_t{1}}, Clock::now() + 300ms); });
  EXPECT_TRUE(error.commit_in_doubt);
  EXPECT_LT(Clock::now() - begin, 8s);
  proxy_.stall(false);
  insert(2);
}

TEST_F(CutTest, AReadOnlyServerIsWaitedFor) {
  psql(fmt::format("ALTER DATABASE {} SET default_transaction_read_only = on", engine_.name()));
  kill_sessions();
  auto waiting = start_write(kInsert, {std::int64_t{1}});
  auto const error = refusal([&] { write(kInsert, {std::int64_t{2}}, Clock::now() + 500ms); });
  EXPECT_EQ(error.code(), ErrorCode::deadline);
  EXPECT_TRUE(error.retryable);
  psql(
      fmt::format("BEGIN READ WRITE; ALTER DATABASE {} RESET default_transaction_read_only; COMMIT",
                  engine_.name()));
  EXPECT_EQ(waiting.get().affected(), 1);
  EXPECT_EQ(count(), 2);
}

// Servers that refuse.

TEST(Refusals, AreSaidAtOnceAndHoldNoPassword) {
  PostgresServer server;
  server.sql("CREATE ROLE me LOGIN PASSWORD 'right'; CREATE ROLE keyless LOGIN");
  server.allow_by("host all me,keyless 127.0.0.1/32 scram-sha-256");
  auto const open_as = [&](std::string const& who, std::string const& name) {
    PostgresEngine engine(
        at(fmt::format("postgresql://{}@127.0.0.1:{},127.0.0.1:1/{}", who, server.port(), name)));
    auto const begin = Clock::now();
    try {
      engine.run(engine.database->read(Statement("SELECT 1")));
      return Error(ErrorCode::other, "it was let in");
    } catch (Error const& error) {
      EXPECT_LT(Clock::now() - begin, 5s);
      EXPECT_EQ(std::string(error.what()).find("wrong"), std::string::npos) << error.what();
      return error;
    }
  };
  EXPECT_EQ(open_as("me:wrong", "postgres").code(), ErrorCode::refused);
  EXPECT_FALSE(open_as("me:wrong", "postgres").retryable);
  EXPECT_EQ(open_as("keyless", "postgres").code(), ErrorCode::refused);
  EXPECT_EQ(open_as("nobody", "postgres").code(), ErrorCode::refused);
  EXPECT_EQ(open_as("me:right", "nowhere").code(), ErrorCode::refused);
  EXPECT_STREQ(open_as("me:right", "postgres").what(), "it was let in");
}

TEST(Refusals, ASecondTryMaySucceed) {
  PostgresServer server;
  server.sql("CREATE ROLE me LOGIN PASSWORD 'old'");
  server.allow_by("host all me 127.0.0.1/32 scram-sha-256");
  PostgresEngine engine(
      at(fmt::format("postgresql://me:new@127.0.0.1:{}/postgres", server.port())));
  auto const ask = [&] {
    return engine.run(engine.database->read(Statement("SELECT 1::bigint"))).integer(0, 0);
  };
  EXPECT_THROW(ask(), Error);
  server.sql("ALTER ROLE me PASSWORD 'new'");
  EXPECT_EQ(ask(), 1);
}

// Servers that die.

/// With connections whose commits can be found again from the first.
void make_ready(PostgresEngine& engine) {
  engine.run(migrate(*engine.database, {}));
  engine.close();
  engine.open();
  engine.run(engine.database->write(Statement("DELETE FROM notes")));
}

Async<void> write_until(Database& database, std::atomic<bool>& stop, std::int64_t first,
                        std::vector<std::int64_t>& acknowledged) {
  for (auto id = first; !stop; ++id) {
    Params values{id};
    Statement insert(kInsert, std::move(values), Clock::now() + 20s);
    try {
      co_await database.write(std::move(insert));
      acknowledged.push_back(id);
    } catch (Error const& error) {
      EXPECT_TRUE(error.is_committed) << error.what();
      if (error.is_committed) acknowledged.push_back(id);
    }
  }
}

/// Writers on both threads. All that they write is acknowledged in the end, and what they were told
/// stands in the table afterwards, or it is a loss.
class Writers {
 public:
  explicit Writers(PostgresEngine& engine) : engine_(engine), acknowledged_(kWriters) {
    make_ready(engine);
    for (std::size_t i = 0; i < kWriters; ++i) {
      auto task = write_until(*engine.database, stop_, static_cast<std::int64_t>(i) * 1'000'000,
                              acknowledged_[i]);
      done_.push_back(boost::asio::co_spawn(engine.threads.context(i % 2), std::move(task),
                                            boost::asio::use_future));
    }
  }
  void stop() {
    stop_ = true;
    for (auto& each : done_) each.get();
  }
  void check() {
    auto const rows = engine_.run(engine_.database->read(Statement("SELECT id FROM notes")));
    std::set<std::int64_t> stored;
    for (std::size_t i = 0; i < rows.size(); ++i) stored.insert(rows.integer(i, 0));
    std::size_t told = 0;
    for (auto const& ids : acknowledged_) {
      told += ids.size();
      for (auto const id : ids) EXPECT_TRUE(stored.contains(id)) << id << " is lost";
    }
    EXPECT_GT(told, 0U);
    EXPECT_EQ(stored.size(), told);
  }

 private:
  static constexpr std::size_t kWriters = 8;
  PostgresEngine& engine_;
  std::atomic<bool> stop_ = false;
  std::vector<std::vector<std::int64_t>> acknowledged_;
  std::vector<std::future<void>> done_;
};

constexpr char const* kTable = "CREATE TABLE notes (id BIGINT PRIMARY KEY, size BIGINT)";

void grow_to(PostgresServer& server, int rows) {
  auto const end = Clock::now() + 60s;
  while (std::stoi(server.sql("SELECT COUNT(*) FROM notes")) < rows) ASSERT_LT(Clock::now(), end);
}

TEST(Failover, ACrashOfTheServerLosesNothingThatWasAcknowledged) {
  PostgresServer server({"fsync = on"});
  server.sql(kTable);
  PostgresEngine engine(at(server.url()));
  Writers writers(engine);
  for (int round = 1; round <= 2; ++round) {
    grow_to(server, round * 200);
    server.kill();
    server.start();
    server.wait_until_ready();
  }
  grow_to(server, 600);
  writers.stop();
  writers.check();
  server.stop();
  auto const error = [&] {
    try {
      engine.run(engine.database->read(Statement("SELECT 1", {}, Clock::now() + 300ms)));
    } catch (Error const& caught) {
      return caught;
    }
    return Error(ErrorCode::other, "answered");
  }();
  EXPECT_EQ(error.code(), ErrorCode::deadline);
  EXPECT_TRUE(error.retryable);
}

Async<void> insert_one(Transaction& transaction) {
  Params values{std::int64_t{2}};
  Statement insert(kInsert, std::move(values));
  co_await transaction.execute(std::move(insert));
}

/// As by an administrator. It says then that it has committed, and that no standby has it.
TEST(Failover, ACommitWhoseWaitIsBrokenOffIsLookedForUntilTheStandbyIsThere) {
  ReplicaPair set(kTable);
  PostgresEngine engine(at(set.url()));
  make_ready(engine);
  set.standby.pause();
  auto broken_off = boost::asio::co_spawn(
      engine.threads.context(0),
      engine.database->write(Statement(kInsert, {std::int64_t{4}}, Clock::now() + 20s)),
      boost::asio::use_future);
  auto const end = Clock::now() + 20s;
  while (set.primary.sql("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") !=
         "1")
    ASSERT_LT(Clock::now(), end);
  set.primary.sql(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  set.standby.resume();
  EXPECT_EQ(broken_off.get().affected(), 1);
  Statement later(kInsert, {std::int64_t{3}}, Clock::now() + 20s);
  EXPECT_EQ(engine.run(engine.database->write(std::move(later))).affected(), 1);
}

TEST(Failover, TheNewPrimaryIsFoundAndNothingIsLost) {
  ReplicaPair set(kTable);
  PostgresEngine engine(at(set.url()));
  Writers writers(engine);
  grow_to(set.standby, 200);
  set.primary.kill();
  set.promote();
  grow_to(set.standby, 600);
  writers.stop();
  writers.check();
}

Async<void> let_go(std::unique_ptr<HeldWrites> held) {
  held.reset();
  co_return;
}

TEST(Failover, WhatOneThreadFindsOutTheOthersHeed) {
  ReplicaPair set(kTable);
  PostgresEngine engine(at(set.url()));
  auto const count_on = [&](std::size_t thread) {
    Statement count("SELECT COUNT(*) FROM notes", {}, Clock::now() + 60s);
    return boost::asio::co_spawn(engine.threads.context(thread),
                                 engine.database->read(std::move(count)), boost::asio::use_future)
        .get()
        .integer(0, 0);
  };
  EXPECT_EQ(count_on(0) + count_on(1), 0);
  set.primary.pause();
  set.promote();
  EXPECT_EQ(count_on(0), 0);
  Statement insert(kInsert, {std::int64_t{1}}, Clock::now() + 60s);
  EXPECT_EQ(engine.run(engine.database->write(std::move(insert))).affected(), 1);
  set.primary.resume();  // it answers, and has not heard of the other one
  EXPECT_EQ(count_on(1), 1);
  // Nor does anybody go back to it when the new one is silent, as while a write waits.
  std::vector<std::string> const tables{"notes"};
  auto held = engine.run(engine.database->hold_writes(tables, Clock::now() + 60s));
  auto const deadline = Clock::now() + 4s;
  Statement waits(kInsert, {std::int64_t{2}}, deadline);
  auto const error = refusal([&] { engine.run(engine.database->write(std::move(waits))); });
  EXPECT_EQ(error.code(), ErrorCode::deadline) << error.what();
  EXPECT_GT(Clock::now(), deadline);
  engine.run(let_go(std::move(held)));
  EXPECT_EQ(count_on(0), 1);
  EXPECT_EQ(count_on(1), 1);
}

TEST(Failover, APausedPrimaryIsLeftForTheNewOne) {
  ReplicaPair set(kTable);
  PostgresEngine engine(at(set.url()));
  Writers writers(engine);
  grow_to(set.standby, 200);
  set.primary.pause();
  auto reading = boost::asio::co_spawn(
      engine.threads.context(0),
      engine.database->read(Statement("SELECT COUNT(*) FROM notes", {}, Clock::now() + 60s)),
      boost::asio::use_future);
  set.promote();
  auto const begin = Clock::now();
  grow_to(set.standby, 800);
  EXPECT_GE(reading.get().integer(0, 0), 200);
  EXPECT_LT(Clock::now() - begin, 30s);
  writers.stop();
  writers.check();
}

/// Unless it says less, with a timeout of a minute for each host, none of which is waited for.
class SilentHostTest : public testing::Test {
 protected:
  SilentHostTest() : set_(kTable), silent_(set_.primary.port()) { silent_.stall(true); }

  std::string url(std::vector<int> const& ports, int timeout = 60) const {
    std::string hosts;
    for (auto const port : ports)
      hosts += fmt::format("{}127.0.0.1:{}", hosts.empty() ? "" : ",", port);
    return fmt::format("postgresql://postgres@{}/postgres?connect_timeout={}", hosts, timeout);
  }

  ReplicaPair set_;
  Proxy silent_;
};

TEST_F(SilentHostTest, TheOthersAreTriedBesideIt) {
  PostgresEngine engine(at(url({silent_.port(), set_.standby.port(), set_.primary.port()})));
  Statement read("SELECT COUNT(*) FROM notes", {}, Clock::now() + 10s);
  EXPECT_EQ(engine.run(engine.database->read(std::move(read))).integer(0, 0), 0);
}

TEST_F(SilentHostTest, AStandbyThatIsPromotedMeanwhileIsFound) {
  PostgresEngine engine(at(url({silent_.port(), set_.standby.port()})));
  auto const begin = Clock::now();
  auto reading = boost::asio::co_spawn(
      engine.threads.context(0),
      engine.database->read(Statement("SELECT COUNT(*) FROM notes", {}, begin + 40s)),
      boost::asio::use_future);
  EXPECT_EQ(reading.wait_for(1s), std::future_status::timeout) << "there is no primary";
  set_.promote();
  EXPECT_EQ(reading.get().integer(0, 0), 0);
  EXPECT_LT(Clock::now() - begin, 20s);
}

Async<Attempt> look_for_a_primary(Settings const* settings) {
  std::vector<std::size_t> order{0, 1};
  co_return co_await connect(*settings, Access::write, order);
}

TEST_F(SilentHostTest, ThereIsNoPrimaryOnceItWasSilentForTooLong) {
  PostgresEngine engine(at(url({silent_.port(), set_.standby.port()}, 1)));
  Settings const settings(engine.options);
  auto looking = with_deadline(Clock::now() + 20s, look_for_a_primary(&settings));
  auto const attempt = engine.run(std::move(looking));
  ASSERT_TRUE(std::holds_alternative<NoConnection>(attempt));
  EXPECT_TRUE(std::get<NoConnection>(attempt).may_come()) << "the standby has answered";
}

TEST_F(SilentHostTest, ClosingWaitsForNoneOfThem) {
  auto engine = std::make_unique<PostgresEngine>(at(url({silent_.port(), set_.standby.port()})));
  Statement read("SELECT COUNT(*) FROM notes", {}, Clock::now() + 1s);
  auto const error = refusal([&] { engine->run(engine->database->read(std::move(read))); });
  EXPECT_TRUE(error.retryable) << error.what();
  auto const begin = Clock::now();
  engine.reset();
  EXPECT_LT(Clock::now() - begin, 20s);
}

/// The old primary may have committed what the new one has never heard of.
TEST(Failover, ACommitThatStallsIsResolvedOnTheNewPrimary) {
  ReplicaPair set(kTable);
  PostgresEngine engine(at(set.url()));
  make_ready(engine);
  Statement first(kInsert, {std::int64_t{1}});
  engine.run(engine.database->write(std::move(first)));
  set.standby.pause();
  auto const start = [&](auto task) {
    return boost::asio::co_spawn(engine.threads.context(0), std::move(task),
                                 boost::asio::use_future);
  };
  auto body = start(engine.database->transact(insert_one, Clock::now() + 60s));
  auto write =
      start(engine.database->write(Statement(kInsert, {std::int64_t{3}}, Clock::now() + 60s)));
  auto const end = Clock::now() + 20s;
  while (set.primary.sql(
             "SELECT COUNT(*) >= 2 FROM pg_stat_activity WHERE wait_event = 'SyncRep'") != "t")
    ASSERT_LT(Clock::now(), end);
  set.primary.pause();
  set.standby.resume();
  set.promote();
  body.get();
  EXPECT_EQ(write.get().affected(), 1);
  EXPECT_EQ(set.standby.sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM notes"), "1,2,3");
}

}  // namespace
}  // namespace minga::sql::postgres
