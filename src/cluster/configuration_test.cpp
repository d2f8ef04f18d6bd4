#include "cluster/configuration.hpp"

#include "cluster/child_log.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace minga::cluster {
namespace {

Json const& at(Json const& value, char const* pointer) {
  return value.at_pointer(pointer);
}

class ConfigurationTest : public testing::Test {
 protected:
  ConfigurationTest() { identity_.members = {usual_address({"10.0.0.1", 5432})}; }

  MemberConfiguration member(std::string etcd_cluster = "") const {
    return {identity_,
            folder_,
            usual_address({"10.0.0.2", 5432}),
            "10.0.0.2",
            {},
            timing_of(std::chrono::seconds(5)),
            Durability::strict,
            {{"shared_buffers", "1GB"}, {"work_mem", "8MB"}},
            std::move(etcd_cluster)};
  }

  SetIdentity identity_ = make_set("main");
  Folder folder_{"/var/lib/minga replica"};
};

TEST_F(ConfigurationTest, EtcdSpeaksTlsWithMembersAlone) {
  auto const etcd = etcd_configuration(member());
  for (auto const* part : {"/client-transport-security", "/peer-transport-security"}) {
    EXPECT_TRUE(at(at(etcd, part), "/client-cert-auth").as_bool());
    EXPECT_EQ(at(at(etcd, part), "/trusted-ca-file"), "/var/lib/minga replica/tls/ca.crt");
  }
  EXPECT_EQ(at(etcd, "/listen-client-urls"), "https://10.0.0.2:5434");
  EXPECT_EQ(at(etcd, "/initial-cluster-state"), "new");
  EXPECT_EQ(at(etcd, "/initial-cluster"), "10.0.0.2:5432=https://10.0.0.2:5435");
  EXPECT_EQ(at(etcd_configuration(member("x=y")), "/initial-cluster-state"), "existing");
}

TEST_F(ConfigurationTest, PatroniKeepsThePromises) {
  auto const patroni = patroni_configuration(member());
  auto const& dcs = at(patroni, "/bootstrap/dcs");
  EXPECT_TRUE(at(dcs, "/synchronous_mode").as_bool());
  EXPECT_TRUE(at(dcs, "/failsafe_mode").as_bool());
  EXPECT_TRUE(at(dcs, "/postgresql/use_pg_rewind").as_bool());
  EXPECT_EQ(at(dcs, "/postgresql/parameters/synchronous_commit"), "on");
  EXPECT_EQ(at(dcs, "/postgresql/parameters/fsync"), "on");
  EXPECT_EQ(at(patroni, "/bootstrap/initdb/0"), "data-checksums");
  EXPECT_EQ(at(patroni, "/restapi/verify_client"), "optional");
  EXPECT_EQ(at(patroni, "/etcd/protocol"), "https");
  EXPECT_FALSE(patroni.as_object().contains("etcd3")) << "it would lose writes after a pause";
  EXPECT_EQ(at(patroni, "/postgresql/parameters/shared_buffers"), "1GB");
  for (auto const& line : at(patroni, "/postgresql/pg_hba").as_array()) {
    EXPECT_TRUE(line.as_string().starts_with("hostssl ")) << line;
    EXPECT_NE(line.as_string().find("scram-sha-256"), std::string_view::npos) << line;
  }
}

TEST_F(ConfigurationTest, PatroniAsksItsOwnEtcdFirst) {
  auto const patroni = patroni_configuration(member());
  EXPECT_EQ(at(patroni, "/etcd/hosts"), (Json{"10.0.0.2:5434", "10.0.0.1:5434"}));
  EXPECT_TRUE(at(patroni, "/etcd/use_proxies").as_bool()) << "it would pick one at random";
}

TEST_F(ConfigurationTest, PatroniAsksTheOthersEtcdAloneWhereTheClockIsBehind) {
  auto behind = member();
  behind.clock_is_behind = true;
  auto const patroni = patroni_configuration(behind);
  EXPECT_EQ(at(patroni, "/etcd/hosts"), Json(JsonArray{"10.0.0.1:5434"}));
}

TEST_F(ConfigurationTest, AMemberAloneHasItsOwnEtcdOnly) {
  identity_.members = {usual_address({"10.0.0.2", 5432})};
  auto behind = member();
  behind.clock_is_behind = true;
  EXPECT_EQ(at(patroni_configuration(behind), "/etcd/hosts"), Json(JsonArray{"10.0.0.2:5434"}));
}

TEST_F(ConfigurationTest, ScriptsSurviveOddPaths) {
  EXPECT_EQ(at(patroni_configuration(member()), "/bootstrap/post_bootstrap"),
            "'/usr/lib/postgresql/15/bin/psql' -X -q -v ON_ERROR_STOP=1 -f "
            "'/var/lib/minga replica/bootstrap.sql'");
  ReplicaPrograms programs;
  programs.postgres = "/opt/it's/bin";
  EXPECT_EQ(postgres_script(programs),
            "#!/bin/sh\nexec \"/proc/$MINGA_REPLICA_PID/exe\" replica-postgres "
            "'/opt/it'\\''s/bin/postgres' \"$@\"\n");
}

RC_GTEST_PROP(Timing, KeepsPatronisRule, ()) {
  auto const timing = timing_of(std::chrono::seconds(*rc::gen::inRange(5, 301)));
  RC_ASSERT(timing.loop.count() >= 1);
  RC_ASSERT(timing.retry.count() >= 2);
  RC_ASSERT(timing.loop + 2 * timing.retry <= timing.ttl);
}

TEST(Timing, HasBounds) {
  EXPECT_THROW(timing_of(std::chrono::seconds(4)), std::invalid_argument);
  EXPECT_THROW(timing_of(std::chrono::seconds(301)), std::invalid_argument);
}

RC_GTEST_PROP(Durability, AMajorityHoldsEveryWrite, ()) {
  auto const members = *rc::gen::inRange<std::size_t>(2, 100);
  auto const copies = static_cast<std::size_t>(synchronous_standbys(members)) + 1;
  RC_ASSERT(2 * copies > members);
  RC_ASSERT(copies <= members);
}

TEST(ChildLog, ReadsEtcd) {
  auto const line = read_etcd_line(
      R"({"level":"warn","ts":"2026","caller":"x.go:1","msg":"slow","took":"1s","n":[1]})");
  EXPECT_EQ(line.level, log::Level::warning);
  EXPECT_EQ(line.text, "etcd: slow took=1s n=[1]");
  EXPECT_EQ(read_etcd_line(R"({"level":"fatal","msg":"x"})").level, log::Level::error);
  EXPECT_EQ(read_etcd_line("plain").text, "etcd: plain");
}

TEST(ChildLog, ReadsPatroniAndPostgres) {
  auto const check = [](char const* line, log::Level level, char const* text) {
    auto const read = read_patroni_line(line);
    EXPECT_EQ(read.level, level) << line;
    EXPECT_EQ(read.text, text) << line;
  };
  check("patroni WARNING late", log::Level::warning, "patroni: late");
  check("patroni CRITICAL broken", log::Level::error, "patroni: broken");
  check("patroni INFO no action. I am (a), the leader", log::Level::debug,
        "patroni: no action. I am (a), the leader");
  check("postgres[12] LOG:  ready", log::Level::info, "postgres[12]: ready");
  check("postgres[12] FATAL:  no", log::Level::warning, "postgres[12]: FATAL: no");
  check("postgres[12] PANIC:  bad", log::Level::error, "postgres[12]: PANIC: bad");
  check("pg_basebackup: x", log::Level::info, "patroni: pg_basebackup: x");
  check("", log::Level::info, "patroni: ");
}

}  // namespace
}  // namespace minga::cluster
