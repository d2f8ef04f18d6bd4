// Reads from the primary after a position: what it cannot know it shows by a commit.
#include "sql/postgres/barrier.hpp"

#include "sql/migrations.hpp"
#include "support/postgres_test.hpp"
#include "support/replica_pair.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresEngine;
using testing_support::PostgresServer;
using testing_support::ReplicaPair;

constexpr char const* kTable = "CREATE TABLE notes (id BIGINT PRIMARY KEY)";
constexpr char const* kInsert = "INSERT INTO notes (id) VALUES ($1)";
constexpr char const* kTransaction = "SELECT pg_current_xact_id()::text::bigint";
constexpr char const* kCount = "SELECT COUNT(*) FROM notes";
constexpr char const* kPort = "SELECT inet_server_port()::bigint";
/// The first number that no transaction has been given.
constexpr char const* kNextNumber = "SELECT pg_snapshot_xmax(pg_current_snapshot())";
constexpr char const* kWaiting =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

using Reading = std::future<Rows>;

Reading start_read(PostgresEngine& engine, std::string sql, ReplicaReads& reads,
                   Deadline deadline = Clock::now() + 30s) {
  Statement statement(std::move(sql), {}, deadline);
  statement.replica = &reads;
  return boost::asio::co_spawn(engine.threads.context(0),
                               engine.database->read(std::move(statement)),
                               boost::asio::use_future);
}

/// From the primary, by a reader who has reached that.
Rows read(PostgresEngine& engine, Reached after, std::string sql,
          Deadline deadline = Clock::now() + 30s) {
  ReplicaReads reads;
  reads.after = after;
  reads.is_on_primary = true;
  return start_read(engine, std::move(sql), reads, deadline).get();
}

std::int64_t count(PostgresEngine& engine, Reached after, Deadline deadline = Clock::now() + 30s) {
  return read(engine, after, kCount, deadline).integer(0, 0);
}

/// The transaction's number.
std::int64_t insert(PostgresEngine& engine, std::int64_t id) {
  Params values{id};
  std::vector<Statement> statements;
  statements.emplace_back(kInsert, std::move(values), Clock::now() + 30s);
  statements.emplace_back(kTransaction);
  return engine.run(engine.database->write_all(std::move(statements))).back().integer(0, 0);
}

/// Transactions of the server's own, undone, until that number was given to one.
void undo_until(PostgresServer const& server, std::int64_t number) {
  while (std::stoll(server.sql("BEGIN; SELECT pg_current_xact_id(); ROLLBACK")) < number) continue;
}

std::int64_t undone_number(PostgresServer const& server) {
  return std::stoll(server.sql("BEGIN; SELECT pg_current_xact_id(); ROLLBACK"));
}

Options at(std::string url) {
  Options options;
  options.url = std::move(url);
  return options;
}

ReplicaPair& shared_pair() {
  static ReplicaPair pair(kTable);
  return pair;
}

/// A pair, and an engine that knows both servers.
class BarrierTest : public testing::Test {
 protected:
  explicit BarrierTest(ReplicaPair& pair = shared_pair()) : set(pair), engine(at(set.url())) {
    set.primary.sql("TRUNCATE notes");
    engine.run(migrate(*engine.database, {}));
    engine.close();
    engine.open();
  }

  double barriers() const { return barriers_of(engine); }
  static double barriers_of(PostgresEngine const& engine) {
    auto const text = engine.metrics.text();
    std::string const name = "\nminga_postgres_barriers_total ";
    return std::stod(text.substr(text.find(name) + name.size()));
  }
  /// Whether a read by one who has reached that is refused, and may be tried again.
  static bool is_refused(PostgresEngine& by, Reached after, std::string sql = kCount) {
    auto const begin = Clock::now();
    auto const error = refusal([&] { read(by, after, std::move(sql), begin + 400ms); });
    EXPECT_LT(Clock::now(), begin + 2s);
    EXPECT_FALSE(error.commit_in_doubt) << error.what();
    return error.retryable && error.code() == ErrorCode::deadline;
  }
  static void wait_for_commits(PostgresServer const& server, std::string const& waiting) {
    auto const end = Clock::now() + 20s;
    while (server.sql(kWaiting) != waiting) ASSERT_LT(Clock::now(), end);
  }

  ReplicaPair& set;
  PostgresEngine engine;
};

/// With a pair of its own.
class BarrierAfterPromotion : public BarrierTest {
 protected:
  BarrierAfterPromotion() : BarrierAfterPromotion(std::make_unique<ReplicaPair>(kTable)) {}

 private:
  explicit BarrierAfterPromotion(std::unique_ptr<ReplicaPair> pair)
      : BarrierTest(*pair), pair_(std::move(pair)) {}
  std::unique_ptr<ReplicaPair> pair_;
};

TEST_F(BarrierTest, IsNotNeededForWhatThePrimaryShows) {
  auto const own = insert(engine, 1);
  auto const next = set.primary.sql(kNextNumber);
  for (auto const& after : {Reached{}, Reached{own, 0}, Reached{0, own}, Reached{own, own}})
    EXPECT_EQ(count(engine, after), 1);
  EXPECT_EQ(barriers(), 0);
  EXPECT_EQ(set.primary.sql(kNextNumber), next) << "nothing was written";
}

TEST_F(BarrierTest, AnswersAtOnceForNumbersThatCameToNothing) {
  insert(engine, 1);
  auto const undone = undone_number(set.primary);
  std::int64_t const never_given = std::stoll(set.primary.sql(kNextNumber));
  for (auto const number : {undone, never_given}) {
    auto const begin = Clock::now();
    EXPECT_EQ(count(engine, {0, number}), 1);
    EXPECT_LT(Clock::now(), begin + 500ms);
  }
  EXPECT_EQ(barriers(), 1) << "its own mark is beyond them";
  for (auto const number : {undone, never_given}) {
    for (auto const& after : {Reached{0, number}, Reached{number, 0}, Reached{number, number}})
      EXPECT_EQ(count(engine, after), 1);
  }
  EXPECT_EQ(barriers(), 1);
  PostgresEngine another(at(set.url()));
  EXPECT_EQ(count(another, {0, never_given}), 1);
  EXPECT_EQ(barriers_of(another), 0) << "another node sees it as well";
  // Far beyond: what no server has given, and none will soon.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(count(engine, {never_given + 1'000, 1LL << 62}), 1);
  EXPECT_EQ(barriers(), 4);
}

TEST_F(BarrierTest, IsOneForAllWhoWait) {
  insert(engine, 1);
  ReplicaReads reads;
  reads.after.own = 1LL << 62;
  reads.is_on_primary = true;
  std::vector<Reading> reading;
  std::promise<void> all;
  boost::asio::post(engine.threads.context(0), [go = all.get_future().share()] { go.wait(); });
  for (int i = 0; i < 500; ++i) reading.push_back(start_read(engine, kCount, reads));
  all.set_value();
  for (auto& each : reading) EXPECT_EQ(each.get().integer(0, 0), 1);
  EXPECT_LE(barriers(), 20);
}

TEST_F(BarrierTest, WaitsForTheStandbyAndItsReadNoLongerThanItsDeadline) {
  auto const own = insert(engine, 1);
  auto const undone = undone_number(set.primary);
  set.standby.pause();
  EXPECT_TRUE(is_refused(engine, {0, undone}));
  EXPECT_TRUE(is_refused(engine, {undone, undone}));
  EXPECT_EQ(count(engine, {0, own}), 1);
  EXPECT_EQ(count(engine, {}), 1);
  ReplicaReads reads;
  reads.after.own = undone;
  reads.is_on_primary = true;
  auto patient = start_read(engine, kCount, reads);
  EXPECT_EQ(patient.wait_for(100ms), std::future_status::timeout);
  set.standby.resume();
  EXPECT_EQ(patient.get().integer(0, 0), 1);
}

Async<void> stay_open(Transaction& transaction, std::promise<std::int64_t>& number) {
  auto const rows = co_await transaction.execute(Statement(kTransaction));
  number.set_value(rows.integer(0, 0));
  co_await transaction.execute(Statement("SELECT pg_sleep(3)"));
}

TEST_F(BarrierTest, IsNotHeldUpByAnotherTransactionOfThatNumber) {
  std::promise<std::int64_t> number;
  TransactionBody body = [&number](Transaction& transaction) {
    return stay_open(transaction, number);
  };
  auto open = boost::asio::co_spawn(engine.threads.context(0),
                                    engine.database->transact(std::move(body), kNoDeadline),
                                    boost::asio::use_future);
  auto const under_way = number.get_future().get();
  EXPECT_EQ(count(engine, {0, under_way}, Clock::now() + 1s), 0);
  EXPECT_EQ(count(engine, {under_way, 0}, Clock::now() + 1s), 0);
  EXPECT_EQ(open.wait_for(0s), std::future_status::timeout);
  open.get();
}

TEST_F(BarrierAfterPromotion, IsNotPassedByAPrimaryThatWasReplaced) {
  insert(engine, 1);
  EXPECT_EQ(count(engine, {0, undone_number(set.primary)}), 1);  // it has passed one before
  set.promote();
  PostgresEngine right(at(set.standby.url()));
  right.run(right.database->write(Statement("CREATE TABLE fresh (id BIGINT)")));
  std::int64_t id = 1;
  auto const insert_ahead = [&] {  // by a number that the former has not given yet
    std::int64_t number = 0;
    while (number <= std::stoll(set.primary.sql(kNextNumber))) number = insert(right, ++id);
    EXPECT_EQ(count(right, {number, number}), id);
    return number;
  };
  // A node that sees the former one alone.
  PostgresEngine deceived(at(set.primary.url()));
  auto const are_refused = [&](std::int64_t number) {
    return is_refused(deceived, {number, 0}) && is_refused(deceived, {0, number}) &&
           is_refused(deceived, {number, number});
  };
  // Its own transactions take the same numbers: one is committed without a standby, one undone.
  auto const notified = insert_ahead();
  undo_until(set.primary, notified - 1);
  set.primary.sql("NOTIFY nobody");
  auto const status = fmt::format("SELECT pg_xact_status('{}')", notified);
  EXPECT_EQ(set.primary.sql(status), "committed");
  EXPECT_TRUE(are_refused(notified));
  auto const undone = insert_ahead();
  EXPECT_TRUE(are_refused(undone)) << "it has given that to none yet, or to one that waits";
  undo_until(set.primary, undone);
  EXPECT_TRUE(are_refused(undone));
  EXPECT_TRUE(is_refused(deceived, {0, undone}, "SELECT COUNT(*) FROM fresh"));
  EXPECT_EQ(count(deceived, {}), 1);
}

TEST_F(BarrierAfterPromotion, IsNotPassedWithAnotherHostThatIsAway) {
  insert(engine, 1);
  set.promote();
  PostgresEngine right(at(set.standby.url()));
  auto const own = insert(right, 2);
  PostgresEngine deceived(
      at(fmt::format("postgresql://postgres@127.0.0.1:{},127.0.0.1:1/postgres?connect_timeout=1",
                     set.primary.port())));
  EXPECT_TRUE(is_refused(deceived, {own, own}));
  EXPECT_EQ(count(deceived, {}), 1);
}

TEST_F(BarrierAfterPromotion, IsPassedByTheNextPrimary) {
  insert(engine, 1);
  set.standby.pause();
  ReplicaReads reads;
  reads.after.own = 1LL << 62;
  reads.is_on_primary = true;
  auto reading = start_read(engine, kPort, reads);
  wait_for_commits(set.primary, "1");
  set.primary.pause();
  set.standby.resume();
  set.promote();
  EXPECT_EQ(reading.get().integer(0, 0), set.standby.port());
}

TEST_F(BarrierTest, LeavesStatementsTheirErrors) {
  auto const error = refusal([&] { read(engine, {0, 1}, "SELECT nothing FROM nowhere"); });
  EXPECT_EQ(error.code(), ErrorCode::syntax);
}

TEST(Barrier, IsForAnyRole) {
  PostgresEngine engine;
  auto const& server = PostgresServer::shared();
  server.sql("DROP ROLE IF EXISTS plain");
  server.sql("CREATE ROLE plain LOGIN");
  engine.close();
  engine.options.url =
      fmt::format("postgresql://plain@127.0.0.1:{}/{}", server.port(), engine.name());
  engine.open();
  EXPECT_EQ(read(engine, {0, 1LL << 62}, "SELECT 7::bigint").integer(0, 0), 7);
  engine.close();
  server.sql("DROP ROLE plain");
  engine.open();
}

}  // namespace
}  // namespace minga::sql::postgres
