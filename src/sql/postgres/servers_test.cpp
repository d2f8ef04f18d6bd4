// What a set of servers says of itself: roles, lag, who holds what was answered.
#include "support/postgres_test.hpp"

#include <fmt/format.h>

#include <string>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresEngine;
using testing_support::PostgresServer;

/// A primary whose commits wait for its standby, asked by a URL that names both or the first alone.
class ServersTest : public testing::Test {
 protected:
  ServersTest()
      : primary({"synchronous_standby_names = '*'", "synchronous_commit = local"}),
        standby(PostgresServer::StandbyOf{primary}) {
    wait_for(primary, "SELECT sync_state FROM pg_stat_replication", "sync");
  }

  static void wait_for(PostgresServer const& server, std::string const& sql,
                       std::string const& wanted) {
    auto const end = Clock::now() + 20s;
    while (server.sql(sql) != wanted) ASSERT_LT(Clock::now(), end) << sql << " is not " << wanted;
  }
  static Copies ask(std::string const& hosts, std::string const& user = "postgres") {
    Options options;
    options.url = fmt::format("postgresql://{}@{}/postgres?connect_timeout=2", user, hosts);
    PostgresEngine engine(std::move(options));
    return engine.run(engine.database->copies(Clock::now() + 10s));
  }
  std::string name(PostgresServer const& server) const {
    return fmt::format("127.0.0.1:{}", server.port());
  }
  std::string both() const { return name(primary) + "," + name(standby); }

  PostgresServer primary;
  PostgresServer standby;
};

TEST_F(ServersTest, SayTheirRolesAndHowFarTheyAre) {
  primary.sql("CREATE TABLE t (a int)");
  wait_for(standby, "SELECT COUNT(*) FROM pg_class WHERE relname = 't'", "1");
  auto const copies = ask(both());
  ASSERT_EQ(copies.members.size(), 2U);
  EXPECT_EQ(copies.durable, 2);
  EXPECT_FALSE(copies.promoted_at);
  auto const& first = copies.members[0];
  EXPECT_EQ(first.name, name(primary));
  EXPECT_EQ(first.role, "primary");
  EXPECT_TRUE(first.is_healthy);
  EXPECT_EQ(first.timeline, 1);
  EXPECT_FALSE(first.lag_bytes);
  auto const& second = copies.members[1];
  EXPECT_EQ(second.name, name(standby));
  EXPECT_EQ(second.role, "standby");
  EXPECT_EQ(second.timeline, 1);
  EXPECT_TRUE(second.lag_bytes);
}

TEST_F(ServersTest, TellOfStandbysThatTheUrlDoesNotName) {
  auto const copies = ask(name(primary));
  ASSERT_EQ(copies.members.size(), 2U);
  EXPECT_EQ(copies.members[1].role, "standby");
  EXPECT_EQ(copies.members[1].sync, "sync");
  EXPECT_EQ(copies.members[1].state, "streaming");
  EXPECT_TRUE(copies.members[1].is_healthy);
}

TEST_F(ServersTest, KeepToThemselvesWhatTheRoleMayNotKnow) {
  primary.sql("CREATE ROLE app LOGIN");
  wait_for(standby, "SELECT COUNT(*) FROM pg_roles WHERE rolname = 'app'", "1");
  auto const unknown = ask(both(), "app");
  EXPECT_FALSE(unknown.durable);
  EXPECT_TRUE(unknown.members.at(0).is_healthy);
  EXPECT_TRUE(unknown.members.at(1).is_healthy);
  primary.sql("GRANT pg_monitor TO app");
  EXPECT_EQ(ask(both(), "app").durable, 2);
}

TEST_F(ServersTest, ThatDoNotAnswerArePartOfTheAnswer) {
  primary.pause();
  auto const begin = Clock::now();
  auto const copies = ask(both());
  EXPECT_LT(Clock::now() - begin, 8s);
  primary.resume();
  ASSERT_EQ(copies.members.size(), 2U);
  EXPECT_EQ(copies.members[0].role, "none");
  EXPECT_EQ(copies.members[0].state, "unreachable");
  EXPECT_NE(copies.members[0].problem, "");
  EXPECT_EQ(copies.members[1].role, "standby");
  EXPECT_EQ(copies.members[1].problem, "there is no primary");
  EXPECT_EQ(copies.durable, 0);
}

TEST_F(ServersTest, SayWhenTheyBecameThePrimary) {
  primary.kill();
  auto const before = now_millis();
  standby.promote();
  standby.wait_until_ready(true);
  auto const copies = ask(both());
  EXPECT_EQ(copies.members.at(0).role, "none");
  auto const& now = copies.members.at(1);
  EXPECT_EQ(now.role, "primary");
  EXPECT_EQ(now.timeline, 2);
  EXPECT_EQ(copies.durable, 1);
  ASSERT_TRUE(copies.promoted_at);
  EXPECT_GT(*copies.promoted_at, before - 2s);
  EXPECT_LT(*copies.promoted_at, now_millis() + 2s);
}

}  // namespace
}  // namespace minga::sql::postgres
