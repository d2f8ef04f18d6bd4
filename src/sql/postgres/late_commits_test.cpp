// Commits that wait for their standby beyond their deadline: nobody sees what no standby has.
#include "sql/migrations.hpp"
#include "support/postgres_engine.hpp"
#include "support/proxy.hpp"
#include "support/refusal.hpp"
#include "support/replica_pair.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;
using testing_support::PostgresEngine;
using testing_support::PostgresServer;
using testing_support::refusal;
using testing_support::ReplicaPair;

constexpr char const* kInsert = "INSERT INTO notes (id, size) VALUES ($1, 0)";
constexpr char const* kSessions =
    "SELECT COALESCE(string_agg(pid::text, ' ' ORDER BY pid), '') FROM pg_stat_activity WHERE "
    "application_name = 'minga'";
constexpr char const* kWaiting =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
constexpr char const* kIds =
    "SELECT COALESCE(string_agg(id::text, ',' ORDER BY id), '') FROM notes";

Options of(ReplicaPair const& set) {
  Options options;
  options.url = set.url();
  options.writers = 2;
  return options;
}

class LateCommits : public testing::Test {
 protected:
  LateCommits()
      : set_("CREATE TABLE notes (id BIGINT PRIMARY KEY, size BIGINT)"), engine_(of(set_)) {
    engine_.run(migrate(*engine_.database, {}));
    engine_.close();
    engine_.open();
    // Both writers have a connection then.
    auto write = start_insert(1, Clock::now() + 20s);
    auto body = start_body(2, Clock::now() + 20s);
    write.get();
    body.get();
    engine_.run(engine_.database->write(Statement("DELETE FROM notes")));
  }

  template <class T>
  std::future<T> start(Async<T> task) {
    return boost::asio::co_spawn(engine_.threads.context(0), std::move(task),
                                 boost::asio::use_future);
  }
  std::future<Rows> start_insert(std::int64_t id, Deadline deadline) {
    Statement insert(kInsert, {id}, deadline);
    return start(engine_.database->write(std::move(insert)));
  }
  std::future<void> start_body(std::int64_t id, Deadline deadline) {
    TransactionBody body = [id](Transaction& transaction) -> Async<void> {
      Params values{id};
      Statement insert(kInsert, std::move(values));
      co_await transaction.execute(std::move(insert));
    };
    return start(engine_.database->transact(std::move(body), deadline));
  }
  /// Notes 1 and 2, by a statement and by a body, whose standby is paused.
  void leave_late() {
    set_.standby.pause();
    auto const deadline = Clock::now() + 2s;
    auto write = start_insert(1, deadline);
    auto body = start_body(2, deadline);
    EXPECT_TRUE(refusal([&] { write.get(); }).commit_in_doubt);
    EXPECT_TRUE(refusal([&] { body.get(); }).commit_in_doubt);
  }
  void wait_for(PostgresServer const& server, char const* sql, std::string const& wanted) {
    auto const end = Clock::now() + 20s;
    for (std::string got; got != wanted; got = server.sql(sql))
      ASSERT_LT(Clock::now(), end) << sql << " gives " << got << ", not " << wanted;
  }
  double counter(std::string const& name) const {
    auto const text = engine_.metrics.text();
    return std::stod(text.substr(text.find("\n" + name + " ") + name.size() + 2));
  }

  ReplicaPair set_;
  PostgresEngine engine_;
};

Async<void> hold_and_finish(Database& database, std::vector<Statement> statements,
                            Deadline deadline) {
  std::vector<std::string> tables{"notes"};
  auto const held = co_await database.hold_writes(std::move(tables), deadline);
  co_await held->finish(std::move(statements));
}

TEST_F(LateCommits, AreSeenByNobodyBeforeAStandbyHasThem) {
  auto const sessions = set_.primary.sql(kSessions);
  leave_late();
  EXPECT_EQ(set_.primary.sql(kIds), "");
  EXPECT_EQ(set_.primary.sql(kWaiting), "2");
  EXPECT_EQ(counter("minga_postgres_late_commits_total"), 2);
  set_.standby.resume();
  wait_for(set_.primary, kIds, "1,2");
  start_insert(3, Clock::now() + 20s).get();
  start_body(4, Clock::now() + 20s).get();
  EXPECT_EQ(set_.primary.sql(kIds), "1,2,3,4");
  EXPECT_EQ(set_.primary.sql(kSessions), sessions) << "the same connections go on";
  EXPECT_EQ(counter("minga_postgres_cancels_total"), 0);
}

TEST_F(LateCommits, OfHeldWritesAreNotSeenEither) {
  set_.standby.pause();
  std::vector<Statement> statements;
  statements.emplace_back(kInsert, Params{std::int64_t{1}});
  auto hold = start(hold_and_finish(*engine_.database, std::move(statements), Clock::now() + 2s));
  EXPECT_TRUE(refusal([&] { hold.get(); }).commit_in_doubt);
  EXPECT_EQ(set_.primary.sql(kIds), "");
  set_.standby.resume();
  wait_for(set_.primary, kIds, "1");
}

TEST_F(LateCommits, OfADatabaseWithoutMarksAreNotSeenEither) {
  set_.primary.sql("DROP TABLE _writers");
  start_insert(1, Clock::now() + 20s).get();
  start_body(2, Clock::now() + 20s).get();
  set_.standby.pause();
  auto write = start_insert(3, Clock::now() + 2s);
  EXPECT_TRUE(refusal([&] { write.get(); }).commit_in_doubt);
  EXPECT_EQ(set_.primary.sql(kIds), "1,2");
  set_.standby.resume();
  wait_for(set_.primary, kIds, "1,2,3");
}

TEST_F(LateCommits, AreWaitedForByTheOthersOfTheirGroup) {
  set_.standby.pause();
  std::promise<void> both;
  boost::asio::post(engine_.threads.context(0), [&, go = both.get_future().share()] { go.wait(); });
  auto hasty = start_insert(1, Clock::now() + 2s);
  auto patient = start_insert(2, Clock::now() + 20s);
  both.set_value();
  EXPECT_TRUE(refusal([&] { hasty.get(); }).commit_in_doubt);
  EXPECT_EQ(set_.primary.sql(kWaiting), "1") << "they are one group";
  EXPECT_EQ(counter("minga_postgres_late_commits_total"), 0) << "somebody waits for it";
  set_.standby.resume();
  EXPECT_EQ(patient.get().affected(), 1);
  EXPECT_EQ(set_.primary.sql(kIds), "1,2");
}

TEST_F(LateCommits, TakeNoMoreConnectionsThanThereMayBe) {
  set_.standby.pause();
  std::vector<std::future<void>> bodies;
  for (std::int64_t id = 0; id < 6; ++id) bodies.push_back(start_body(id, Clock::now() + 2s));
  int in_doubt = 0;
  for (auto& body : bodies) {
    auto const error = refusal([&] { body.get(); });
    if (error.commit_in_doubt) ++in_doubt;
    EXPECT_TRUE(error.commit_in_doubt || error.code() == ErrorCode::deadline) << error.what();
  }
  EXPECT_EQ(in_doubt, 2);
  auto const later = refusal([&] { start_insert(9, Clock::now() + 300ms).get(); });
  EXPECT_EQ(later.code(), ErrorCode::deadline);
  EXPECT_TRUE(later.retryable);
  EXPECT_EQ(set_.primary.sql(kWaiting), "2");
  set_.standby.resume();
  wait_for(set_.primary, "SELECT COUNT(*) FROM notes", "2");
  EXPECT_EQ(start_insert(9, Clock::now() + 20s).get().affected(), 1);
}

TEST_F(LateCommits, HoldUpNoEndAndOutliveIt) {
  leave_late();
  auto const begin = Clock::now();
  engine_.close();
  EXPECT_LT(Clock::now() - begin, 2s);
  EXPECT_EQ(set_.primary.sql(kIds), "");
  EXPECT_EQ(set_.primary.sql(kWaiting), "2");
  set_.standby.resume();
  wait_for(set_.primary, kIds, "1,2");
}

/// The bar waits for the mark's row, and a cancel of the bar is no cancel of the commit.
TEST_F(LateCommits, ThatAreCutOffAreNotSeenBeforeAStandbyHasThem) {
  testing_support::Proxy proxy(set_.primary.port());
  engine_.close();
  engine_.options.url =
      fmt::format("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", proxy.port());
  engine_.open();
  start_insert(0, Clock::now() + 20s).get();
  set_.standby.pause();
  auto hasty = start_insert(1, Clock::now() + 2s);
  wait_for(set_.primary, kWaiting, "1");
  auto patient = start_body(2, Clock::now() + 30s);
  wait_for(set_.primary, kWaiting, "2");
  proxy.cut_all();
  wait_for(set_.primary,
           "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE "
           "'INSERT INTO _writers%'",
           "2");
  EXPECT_TRUE(refusal([&] { hasty.get(); }).commit_in_doubt);
  EXPECT_EQ(set_.primary.sql(kIds), "0");
  set_.standby.resume();
  EXPECT_NO_THROW(patient.get());
  EXPECT_EQ(set_.primary.sql(kIds), "0,1,2");
}

TEST_F(LateCommits, AreLeftForANewPrimary) {
  leave_late();
  set_.primary.pause();  // before the standby has read what was sent to it meanwhile
  set_.standby.resume();
  set_.promote();
  EXPECT_EQ(start_insert(3, Clock::now() + 30s).get().affected(), 1);
  EXPECT_EQ(set_.standby.sql("SELECT COUNT(*) FROM notes WHERE id = 3"), "1");
}

/// The new primary is known before the former one has been silent for long.
TEST_F(LateCommits, AreLeftForANewPrimaryThatWasFoundByTheWatch) {
  ReplicaReads reads;
  Statement statement("SELECT 1::bigint");
  statement.replica = &reads;
  engine_.run(engine_.database->read(std::move(statement)));  // begins the watch
  set_.standby.pause();
  auto write = start_insert(1, Clock::now() + 30s);
  auto body = start_body(2, Clock::now() + 30s);
  wait_for(set_.primary, kWaiting, "2");
  set_.primary.pause();
  set_.standby.resume();
  set_.promote();
  EXPECT_EQ(write.get().affected(), 1);
  EXPECT_NO_THROW(body.get());
  EXPECT_EQ(set_.standby.sql(kIds), "1,2");
}

}  // namespace
}  // namespace minga::sql::postgres
