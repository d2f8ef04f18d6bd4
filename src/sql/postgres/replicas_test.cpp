// Reads that standbys answer: from whom, how old, and what a reader may rely on.
#include "sql/migrations.hpp"
#include "support/postgres_test.hpp"

#include <fmt/format.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <fstream>
#include <map>
#include <optional>
#include <vector>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresEngine;
using testing_support::PostgresServer;

constexpr char const* kTable = "CREATE TABLE notes (id BIGINT PRIMARY KEY)";
constexpr char const* kInsert = "INSERT INTO notes (id) VALUES ($1)";
constexpr char const* kTransaction = "SELECT pg_current_xact_id()::text::bigint";
constexpr char const* kCount = "SELECT COUNT(*) FROM notes";
constexpr char const* kPort = "SELECT inet_server_port()::bigint";

/// A primary and two standbys that nobody waits for.
struct Set {
  Set()
      : primary({"max_prepared_transactions = 5"}),
        first(PostgresServer::StandbyOf{primary}),
        second(PostgresServer::StandbyOf{primary}) {
    primary.sql(kTable);
  }
  /// The set that tests share who leave it as they found it.
  static Set& shared() {
    static Set set;
    return set;
  }

  PostgresServer primary;
  PostgresServer first;
  PostgresServer second;
};

/// An engine that knows all three servers.
class ReplicaReadsTest : public testing::Test {
 protected:
  explicit ReplicaReadsTest(Set& set = Set::shared())
      : primary(set.primary), first(set.first), second(set.second) {
    resume_replay();
    primary.sql("TRUNCATE notes");
    open(Options{});
  }

  void TearDown() override { engine.reset(); }

  void open(Options options) {
    engine.reset();
    // The standbys first: who is who, the servers say.
    options.url = fmt::format(
        "postgresql://postgres@127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}/postgres?connect_timeout=2",
        first.port(), second.port(), primary.port());
    engine = std::make_unique<PostgresEngine>(std::move(options));
    ask(kCount);  // begins the watch
    wait_for_replicas(2);
    wait_for_rows(0);
  }
  void wait_for_rows(int count) {
    for (auto* server : {&first, &second})
      wait_for([&] { return server->sql(kCount) == std::to_string(count); });
  }

  template <class Condition>
  void wait_for(Condition condition) {
    auto const end = Clock::now() + 30s;
    while (!condition()) {
      if (Clock::now() > end) throw std::runtime_error("it did not come to be in 30 s");
      engine->run(sleep_for(5ms));
    }
  }
  double metric(std::string const& name) const {
    auto const text = engine->metrics.text();
    auto const at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
  }
  void wait_for_replicas(double count) {
    wait_for([&] { return metric("minga_postgres_replicas") == count; });
  }

  /// The first value, read by a request with these conditions.
  std::int64_t ask(std::string sql, ReplicaReads& reads, Deadline deadline = Clock::now() + 30s) {
    Statement statement(std::move(sql), {}, deadline);
    statement.replica = &reads;
    return engine->run(engine->database->read(std::move(statement))).integer(0, 0);
  }
  std::int64_t ask(std::string sql) {
    ReplicaReads reads;
    return ask(std::move(sql), reads);
  }
  /// The transaction's number.
  std::int64_t insert() {
    Params values{++inserted};
    std::vector<Statement> statements;
    statements.emplace_back(kInsert, std::move(values), Clock::now() + 30s);
    statements.emplace_back(kTransaction);
    return engine->run(engine->database->write_all(std::move(statements))).back().integer(0, 0);
  }
  void pause_replay() {
    for (auto* server : {&first, &second}) pause_replay(*server);
  }
  void pause_replay(PostgresServer& server) {
    server.sql("SELECT pg_wal_replay_pause()");
    wait_for([&] { return server.sql("SELECT pg_get_wal_replay_pause_state()") == "paused"; });
  }
  static void come_back(std::vector<PostgresServer*> const& servers) {
    for (auto* server : servers) {
      server->start();
      server->wait_until_ready();
    }
  }
  void resume_replay() {
    for (auto* server : {&first, &second}) server->sql("SELECT pg_wal_replay_resume()");
  }

  PostgresServer& primary;
  PostgresServer& first;
  PostgresServer& second;
  std::unique_ptr<PostgresEngine> engine;
  std::int64_t inserted = 0;
};

TEST_F(ReplicaReadsTest, AreSpreadEvenlyAndLeaveThePrimaryAlone) {
  std::map<std::int64_t, int> answers;
  for (int i = 0; i < 60; ++i) {
    ReplicaReads reads;
    ++answers[ask(kPort, reads)];
    EXPECT_TRUE(reads.is_from_replica());
  }
  std::map<std::int64_t, int> const expected{{first.port(), 30}, {second.port(), 30}};
  EXPECT_EQ(answers, expected);
  EXPECT_GE(metric("minga_postgres_reads_total{server=\"replica\"}"), 60);
  EXPECT_EQ(engine->run(engine->database->read(Statement(kPort))).integer(0, 0), primary.port());
}

TEST_F(ReplicaReadsTest, OfOneRequestStayOnOneStandby) {
  ReplicaReads reads;
  auto const port = ask(kPort, reads);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(kPort, reads), port);
  auto& server = port == first.port() ? first : second;
  server.kill();
  // What another standby shows may be older.
  EXPECT_EQ(ask(kPort, reads), primary.port());
  EXPECT_FALSE(reads.is_from_replica());
  EXPECT_EQ(ask(kPort, reads), primary.port());
  come_back({&server});
}

TEST_F(ReplicaReadsTest, MayBeOldButNotOlderThanTheReaderHasSeen) {
  insert();
  wait_for_rows(1);
  pause_replay();
  auto const own = insert();
  ReplicaReads anything;
  EXPECT_EQ(ask(kCount, anything), 1);
  EXPECT_TRUE(anything.is_from_replica());
  for (auto const& after : {Reached{0, own}, Reached{own, 0}, Reached{own, own}}) {
    ReplicaReads reads;
    reads.after = after;
    EXPECT_EQ(ask(kCount, reads), 2);
    EXPECT_FALSE(reads.is_from_replica());
  }
  EXPECT_EQ(metric("minga_postgres_replica_misses_total{reason=\"behind\"}"), 3);
  resume_replay();
  wait_for_rows(2);
  ReplicaReads reads;
  reads.after = {own, own};
  EXPECT_EQ(ask(kCount, reads), 2);
  EXPECT_TRUE(reads.is_from_replica());
}

TEST_F(ReplicaReadsTest, WaitForAStandbyToCatchUp) {
  Options options;
  options.replica_wait = 20s;
  open(options);
  pause_replay();
  ReplicaReads reads;
  reads.after.own = insert();
  Statement statement(kCount, {}, Clock::now() + 30s);
  statement.replica = &reads;
  auto reading =
      boost::asio::co_spawn(engine->threads.context(0),
                            engine->database->read(std::move(statement)), boost::asio::use_future);
  EXPECT_EQ(reading.wait_for(100ms), std::future_status::timeout);
  resume_replay();
  EXPECT_EQ(reading.get().integer(0, 0), 1);
  EXPECT_TRUE(reads.is_from_replica());
}

TEST_F(ReplicaReadsTest, GoToTheStandbyThatHasCaughtUp) {
  pause_replay(first);
  for (int i = 1; i <= 20; ++i) {
    auto const own = insert();
    wait_for([&] { return second.sql(kCount) == std::to_string(i); });
    ReplicaReads reads;
    reads.after.own = own;
    EXPECT_EQ(ask(kCount, reads), i);
    EXPECT_TRUE(reads.is_from_replica());
  }
}

TEST_F(ReplicaReadsTest, SeeTheirOwnWriteWhileAnOlderOneIsUnderWay) {
  primary.sql("BEGIN; INSERT INTO notes VALUES (-1); PREPARE TRANSACTION 'older'");
  auto const own = insert();
  wait_for_rows(1);
  ReplicaReads reads;
  reads.after.own = own;
  EXPECT_EQ(ask(kCount, reads), 1);
  EXPECT_TRUE(reads.is_from_replica());
  ReplicaReads all;
  all.after.all_until = own;
  EXPECT_EQ(ask(kCount, all), 1);
  EXPECT_FALSE(all.is_from_replica()) << "the older one may be seen elsewhere first";
  primary.sql("COMMIT PREPARED 'older'");
  wait_for_rows(2);
  ReplicaReads later;
  later.after.all_until = own;
  EXPECT_EQ(ask(kCount, later), 2);
  EXPECT_TRUE(later.is_from_replica());
}

TEST_F(ReplicaReadsTest, AreNotDoneTogetherWithThePrimarys) {
  pause_replay();
  insert();
  std::vector<std::future<Rows>> reading;
  std::array<ReplicaReads, 4> reads;
  auto start_all = [&]() -> Async<void> {
    for (auto& each : reads) {
      for (auto* replica : {static_cast<ReplicaReads*>(nullptr), &each}) {
        Statement statement(kCount, {}, Clock::now() + 30s);
        statement.replica = replica;
        reading.push_back(boost::asio::co_spawn(engine->threads.context(0),
                                                engine->database->read(std::move(statement)),
                                                boost::asio::use_future));
      }
    }
    co_return;
  };
  engine->run(start_all());
  for (std::size_t i = 0; i < reading.size(); ++i)
    EXPECT_EQ(reading[i].get().integer(0, 0), i % 2 == 0 ? 1 : 0);
}

TEST_F(ReplicaReadsTest, SkipStandbysThatAreTooOld) {
  Options options;
  options.replica_lag = 1s;
  open(options);
  pause_replay(first);
  insert();
  wait_for_replicas(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(kPort), second.port());
  pause_replay(second);
  insert();
  wait_for_replicas(0);
  ReplicaReads reads;
  EXPECT_EQ(ask(kCount, reads), 2);
  EXPECT_FALSE(reads.is_from_replica());
  EXPECT_GE(metric("minga_postgres_replica_misses_total{reason=\"none\"}"), 1);
  resume_replay();
  wait_for_replicas(2);
  EXPECT_NE(ask(kPort), primary.port());
}

TEST_F(ReplicaReadsTest, GoOnWithoutAnyStandby) {
  first.kill();
  second.kill();
  for (int i = 0; i < 10; ++i) {
    auto const begin = Clock::now();
    EXPECT_EQ(ask(kPort), primary.port());
    EXPECT_LT(Clock::now() - begin, 2s);
  }
  wait_for_replicas(0);
  come_back({&second});
  wait_for_replicas(1);
  EXPECT_EQ(ask(kPort), second.port());
  come_back({&first});
}

/// Ends with 1 wherever it is run; on a standby after a while.
constexpr char const* kSlow =
    "SELECT 1::bigint FROM (SELECT pg_sleep(CASE WHEN pg_is_in_recovery() THEN 60 ELSE 0 END)) AS "
    "x";

TEST_F(ReplicaReadsTest, AreDoneElsewhereWhenTheirStandbyDies) {
  for (auto const strike : {&PostgresServer::kill, &PostgresServer::pause}) {
    ReplicaReads reads;
    Statement statement(kSlow, {}, Clock::now() + 50s);
    statement.replica = &reads;
    auto reading = boost::asio::co_spawn(engine->threads.context(0),
                                         engine->database->read(std::move(statement)),
                                         boost::asio::use_future);
    auto const is_at = [](PostgresServer const& server) {
      return server.sql(
                 "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' AND query "
                 "LIKE 'SELECT 1::bigint FROM%'") == "1";
    };
    wait_for([&] { return is_at(first) || is_at(second); });
    auto& server = is_at(first) ? first : second;
    auto& other = &server == &first ? second : first;
    (server.*strike)();
    // The other standby takes its time for it, too, and dies as well.
    wait_for([&] { return is_at(other) || reading.wait_for(0s) == std::future_status::ready; });
    (other.*strike)();
    EXPECT_EQ(reading.get().integer(0, 0), 1);
    EXPECT_FALSE(reads.is_from_replica());
    wait_for_replicas(0);
    for (auto* each : {&first, &second}) each->resume();
    if (strike == &PostgresServer::kill) come_back({&first, &second});
    wait_for_replicas(2);
  }
}

TEST_F(ReplicaReadsTest, FailAsThePrimarysDo) {
  auto const error = refusal([&] { ask("SELECT nothing FROM nowhere"); });
  EXPECT_EQ(error.code(), ErrorCode::syntax);
  auto const begin = Clock::now();
  ReplicaReads reads;
  auto const late =
      refusal([&] { ask("SELECT 1::bigint FROM pg_sleep(60)", reads, begin + 300ms); });
  EXPECT_EQ(late.code(), ErrorCode::deadline);
  EXPECT_LT(Clock::now() - begin, 3s);
}

TEST_F(ReplicaReadsTest, FindATableThatNoStandbyHasYet) {
  pause_replay();
  primary.sql("CREATE TABLE fresh AS SELECT 7::bigint AS number");
  EXPECT_EQ(ask("SELECT number FROM fresh"), 7);
}

/// In a set of its own.
class RoleChangeTest : public ReplicaReadsTest {
 protected:
  RoleChangeTest() : RoleChangeTest(std::make_unique<Set>()) {}

 private:
  explicit RoleChangeTest(std::unique_ptr<Set> set) : ReplicaReadsTest(*set), set_(std::move(set)) {
    engine->run(migrate(*engine->database, {}));
    open(Options{});  // connections that leave their marks
  }
  std::unique_ptr<Set> set_;
};

TEST_F(RoleChangeTest, ReadsFollowTheServersAsTheyChangeTheirParts) {
  auto const own = insert();
  wait_for_rows(1);
  auto const follow = fmt::format(
      "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={} user=postgres'", first.port());
  for (auto* server : {&primary, &second}) server->sql(follow);
  primary.stop();
  first.promote();
  second.reload();
  // The former primary comes back as a standby of the new one.
  auto const signal = engine->folder() / "standby.signal";
  std::ofstream(signal).close();
  primary.give("standby.signal", signal);
  primary.start();
  wait_for([&] { return first.sql("SELECT COUNT(*) FROM pg_stat_replication") == "2"; });
  wait_for([&] { return ask(kPort) == primary.port(); });
  wait_for_replicas(2);
  std::map<std::int64_t, int> answers;
  for (int i = 0; i < 20; ++i) ++answers[ask(kPort)];
  std::map<std::int64_t, int> const expected{{primary.port(), 10}, {second.port(), 10}};
  EXPECT_EQ(answers, expected);
  ReplicaReads before;
  before.after = {own, own};
  EXPECT_EQ(ask(kCount, before), 1);
  EXPECT_TRUE(before.is_from_replica());
  ReplicaReads after;
  after.after.own = insert();
  EXPECT_EQ(ask(kCount, after), 2);
  wait_for([&] { return primary.sql(kCount) == "2" && second.sql(kCount) == "2"; });
  ReplicaReads followed;
  followed.after = {after.after.own, after.after.own, 2};
  EXPECT_EQ(ask(kCount, followed), 2);
  EXPECT_TRUE(followed.is_from_replica());
  ReplicaReads ahead;
  ahead.after = {own, own, 3};
  EXPECT_EQ(ask(kCount, ahead), 2);
  EXPECT_FALSE(ahead.is_from_replica()) << "nobody has followed a primary of that timeline";
}

/// It has given the numbers of the next primary's transactions to its own, of which nothing is
/// left.
TEST_F(RoleChangeTest, AStandbyThatIsToBeRewoundAnswersNobodyWhoHasSeenMore) {
  insert();
  wait_for_rows(1);
  first.sql("ALTER SYSTEM SET primary_conninfo = ''");
  first.reload();
  wait_for([&] { return first.sql("SELECT COUNT(*) FROM pg_stat_wal_receiver") == "0"; });
  for (int i = 0; i < 50; ++i) primary.sql(fmt::format("INSERT INTO notes VALUES ({})", -1 - i));
  wait_for([&] { return second.sql(kCount) == "51"; });
  primary.stop();
  first.promote();
  auto const own = insert();
  wait_for_replicas(1);
  ReplicaReads anything;
  EXPECT_EQ(ask(kCount, anything), 51);
  for (auto const& after : {Reached{0, own, 2}, Reached{own, 0, 2}}) {
    ReplicaReads reads;
    reads.after = after;
    EXPECT_EQ(ask(kCount, reads), 2);
    EXPECT_FALSE(reads.is_from_replica());
  }
}

TEST_F(RoleChangeTest, APrimaryThatWasReplacedIsLeftThoughItAnswers) {
  auto const ask_primary = [&] {
    return engine->run(engine->database->read(Statement(kPort))).integer(0, 0);
  };
  EXPECT_EQ(ask_primary(), primary.port());
  first.promote();
  wait_for([&] { return ask_primary() == first.port(); });
  ReplicaReads reads;
  reads.after.own = insert();
  EXPECT_EQ(ask(kCount, reads), 1);
  EXPECT_EQ(first.sql(kCount), "1");
  EXPECT_EQ(primary.sql(kCount), "0");
}

/// What happens, in which order, is random: writes, standbys that stop and go on, and reads after
/// any of the writes before them.
TEST_F(ReplicaReadsTest, NeverShowLessThanAPositionSays) {
  Options options;
  options.replica_wait = 10ms;
  open(options);
  std::vector<std::pair<std::int64_t, std::int64_t>> written;  // transaction, rows by then
  auto const holds = [&] {
    auto const any_step = rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, 100));
    auto const steps = *rc::gen::container<std::vector<int>>(12, any_step);
    for (auto const step : steps) {
      if (step < 40 || written.empty()) {
        auto const own = insert();
        written.emplace_back(own, inserted);
      } else if (step < 46) {
        (step % 2 == 0 ? first : second).sql("SELECT pg_wal_replay_pause()");
      } else if (step < 52) {
        (step % 2 == 0 ? first : second).sql("SELECT pg_wal_replay_resume()");
      } else {
        auto const back =
            *rc::gen::inRange<std::size_t>(0, std::min<std::size_t>(written.size(), 5));
        auto const& [own, rows] = written[written.size() - 1 - back];
        ReplicaReads reads;
        reads.after = step % 2 == 0 ? Reached{own, 0} : Reached{0, own};
        RC_ASSERT(ask(kCount, reads) >= rows);
      }
    }
  };
  EXPECT_TRUE(rc::check("reads see what they ask for", holds));
  EXPECT_GT(metric("minga_postgres_reads_total{server=\"replica\"}"), 100);
  EXPECT_GT(metric("minga_postgres_replica_misses_total{reason=\"behind\"}"), 10);
}

TEST(ReplicaReads, OfOneServerAreItsOwn) {
  PostgresEngine engine;
  ReplicaReads reads;
  reads.after = {1'000'000'000'000, 1'000'000'000'000};
  Statement statement("SELECT 1::bigint");
  statement.replica = &reads;
  EXPECT_EQ(engine.run(engine.database->read(std::move(statement))).integer(0, 0), 1);
  EXPECT_FALSE(reads.is_from_replica());
}

}  // namespace
}  // namespace minga::sql::postgres
