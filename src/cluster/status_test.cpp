#include "cluster/status.hpp"

#include "base/json_text.hpp"
#include "cluster/operations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minga::cluster {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto kNow = "2026-11-21 12:00:00.000Z";

/// Three members, the first of them primary, the second synchronous, all well.
class StatusTest : public testing::Test {
 protected:
  StatusTest() {
    look_.set = "main";
    look_.now = *parse_time(kNow);
    look_.members = {member(1, primary_answer()), member(2, standby_answer(1000)),
                     member(3, standby_answer(400))};
    look_.voters = {
        {"1", name(1), {}, false}, {"2", name(2), {}, false}, {"3", name(3), {}, false}};
    look_.cluster = read_json(
        R"({"members":[{"name":"10.0.0.1:5432","role":"leader"},{"name":"10.0.0.2:5432","role":"sync_standby"}]})");
    look_.configuration =
        read_json(R"({"synchronous_mode_strict":true,"synchronous_node_count":1})");
    look_.election = read_json(
        R"({"at":"2026-11-21 11:00:00Z","primary":"10.0.0.1:5432","previous":"10.0.0.2:5432","reason":"it stepped down"})");
  }

  static std::string name(int number) { return "10.0.0." + std::to_string(number) + ":5432"; }

  static Json primary_answer() {
    return read_json(R"({"state":"running","role":"master","timeline":3,"dcs_last_seen":1795262399,
      "postmaster_start_time":"2026-11-21 10:59:00.5+00:00","xlog":{"location":1000},
      "replication":[{"application_name":"10.0.0.2:5432","state":"streaming","sync_state":"sync"},
                     {"application_name":"10.0.0.3:5432","state":"streaming","sync_state":"async"}]})");
  }

  static Json standby_answer(std::int64_t replayed) {
    auto answer = read_json(R"({"state":"running","role":"replica","timeline":3,
      "xlog":{"replayed_timestamp":"2026-11-21 11:59:57.500+00:00"}})");
    answer.at("xlog").as_object()["replayed_location"] = replayed;
    return answer;
  }

  static MemberLook member(int number, Json answer) {
    MemberLook look;
    look.address = usual_address({"10.0.0." + std::to_string(number), 5432});
    look.patroni = std::move(answer);
    look.etcd = EtcdStatus{std::to_string(number), "3", 7, false};
    return look;
  }

  void lose(std::size_t index) {
    look_.members[index].patroni.reset();
    look_.members[index].etcd.reset();
    look_.members[index].failure = "it does not answer: refused";
  }

  SetLook look_;
};

TEST_F(StatusTest, SaysWhatAWriteIsWorth) {
  auto const status = combine(look_);
  EXPECT_EQ(status.primary, name(1));
  EXPECT_EQ(status.writes, "yes");
  EXPECT_EQ(status.durable_copies, 2U);
  EXPECT_EQ(status.voters, 3U);
  EXPECT_EQ(status.majority, 2U);
  EXPECT_EQ(status.voters_present, 3U);
  EXPECT_EQ(status.term, 7);
  EXPECT_EQ(status.timeline, 3);
  EXPECT_TRUE(status.is_healthy());
}

TEST_F(StatusTest, SaysHowFarAStandbyIs) {
  auto const status = combine(look_);
  auto const& synced = status.members[1];
  EXPECT_EQ(synced.role, "standby");
  EXPECT_EQ(synced.sync, "sync");
  EXPECT_EQ(synced.source, name(1));
  EXPECT_EQ(synced.lag_bytes, 0);
  EXPECT_EQ(synced.lag_seconds, 0);
  auto const& behind = status.members[2];
  EXPECT_EQ(behind.sync, "async");
  EXPECT_EQ(behind.lag_bytes, 600);
  EXPECT_EQ(behind.lag_seconds, 2.5);
  EXPECT_EQ(behind.etcd, "leader");
  auto const& primary = status.members[0];
  EXPECT_EQ(primary.role, "primary");
  EXPECT_EQ(primary.uptime, std::chrono::seconds(3'659));
  EXPECT_EQ(primary.last_heartbeat, *parse_time("2026-11-21 11:59:59Z"));
  EXPECT_FALSE(primary.lag_bytes);
}

TEST_F(StatusTest, TakesNoMemberWhoseEtcdHasNoLeaderForWell) {
  look_.members[1].etcd->leader = "0";
  auto const status = combine(look_);
  EXPECT_FALSE(status.is_healthy());
  EXPECT_EQ(status.members[1].etcd, "leaderless");
  EXPECT_EQ(status.members[1].problem, "its etcd knows no leader");
  EXPECT_TRUE(status.members[0].is_healthy);
}

TEST_F(StatusTest, TakesNoStandbyOnAnOldTimelineForWell) {
  look_.members[2].patroni->as_object()["timeline"] = 2;
  auto const status = combine(look_);
  EXPECT_FALSE(status.is_healthy());
  EXPECT_FALSE(status.members[2].is_healthy);
  EXPECT_EQ(status.members[2].problem, "it is at timeline 2, the primary at 3");
  EXPECT_TRUE(status.members[1].is_healthy);
}

TEST_F(StatusTest, TakesNoStandbyThatCannotSayWhereItIsForWell) {
  look_.members[2].patroni->as_object()["timeline"] = nullptr;
  auto const status = combine(look_);
  EXPECT_FALSE(status.is_healthy());
  EXPECT_EQ(status.members[2].problem, "it does not know its timeline yet");
  look_.members[2].patroni->as_object()["state"] = "starting";
  EXPECT_EQ(combine(look_).members[2].problem, "PostgreSQL is starting");
}

TEST_F(StatusTest, KeepsALostMemberInSight) {
  lose(2);
  auto const status = combine(look_);
  EXPECT_EQ(status.members[2].state, "unreachable");
  EXPECT_EQ(status.members[2].problem, "it does not answer: refused");
  EXPECT_EQ(status.voters_present, 2U);
  EXPECT_EQ(status.writes, "yes");
  EXPECT_FALSE(status.is_healthy());
  EXPECT_THAT(to_text(status, look_.now, false), HasSubstr("set main: degraded; 2 of 3 votes"));
}

TEST_F(StatusTest, SaysThatWritesWait) {
  look_.members[0].patroni->at("replication").as_array().clear();
  auto const status = combine(look_);
  EXPECT_EQ(status.writes, "waiting");
  EXPECT_EQ(status.durable_copies, 1U);
  EXPECT_EQ(status.members[1].problem, "it gets no changes from the primary");
  EXPECT_THAT(to_text(status, look_.now, false), HasSubstr("writes wait"));
  look_.configuration = read_json(R"({"synchronous_mode_strict":false})");
  EXPECT_EQ(combine(look_).writes, "yes");
}

TEST_F(StatusTest, SaysWhoWouldFollow) {
  EXPECT_THAT(combine(look_).successors, testing::ElementsAre(name(2)));
  EXPECT_THAT(to_text(combine(look_), look_.now, false),
              HasSubstr("10.0.0.2:5432 would follow it"));
  look_.cluster = read_json(R"({"members":[{"name":"10.0.0.1:5432","role":"leader"}]})");
  auto const status = combine(look_);
  EXPECT_FALSE(status.is_healthy());
  EXPECT_THAT(to_text(status, look_.now, false), HasSubstr("nobody may follow it yet"));
}

TEST_F(StatusTest, SaysThatThereIsNoPrimary) {
  look_.cluster = read_json(R"({"members":[]})");
  auto const status = combine(look_);
  EXPECT_EQ(status.primary, "");
  EXPECT_EQ(status.writes, "no");
  EXPECT_EQ(status.durable_copies, 0U);
  auto const text = to_text(status, look_.now, false);
  EXPECT_THAT(text, HasSubstr("NOT WRITABLE"));
  EXPECT_THAT(text, HasSubstr("there is no primary"));
}

TEST_F(StatusTest, SurvivesOddAnswers) {
  for (auto const* odd : {"null", "[]", "{}", R"({"xlog":1,"replication":2,"timeline":"x"})",
                          R"({"replication":[1,{}],"xlog":{"location":"x"}})"}) {
    look_.members[0].patroni = read_json(odd);
    look_.history = read_json(odd);
    look_.election = read_json(odd);
    look_.configuration = read_json(odd);
    auto const status = combine(look_);
    EXPECT_EQ(status.members.size(), 3U) << odd;
    look_.cluster = read_json(odd);
    EXPECT_EQ(combine(look_).writes, "no") << odd;
  }
}

TEST_F(StatusTest, TellsTheElection) {
  auto const text = to_text(combine(look_), look_.now, false);
  EXPECT_THAT(text, HasSubstr("primary 10.0.0.1:5432 since 2026-11-21 11:00:00Z: it stepped down"));
  look_.election.reset();
  look_.history = read_json(
      R"([[2,100,"no recovery target specified","2026-11-21T10:00:00+00:00","10.0.0.1:5432"]])");
  EXPECT_EQ(combine(look_).election->at, *parse_time("2026-11-21 10:00:00Z"));
}

TEST_F(StatusTest, ColoursAreForTerminals) {
  auto const status = combine(look_);
  EXPECT_THAT(to_text(status, look_.now, false), Not(HasSubstr("\033")));
  EXPECT_THAT(to_text(status, look_.now, true), HasSubstr("\033[32mhealthy"));
}

TEST_F(StatusTest, ColumnsAreAligned) {
  auto const text = to_text(combine(look_), look_.now, false);
  auto const header = text.find("MEMBER");
  ASSERT_NE(header, std::string::npos);
  std::vector<std::string> lines;
  for (auto rest = std::string_view(text).substr(header); !rest.empty();) {
    auto const end = std::min(rest.find('\n'), rest.size());
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  ASSERT_EQ(lines.size(), 4U);
  auto const column = lines[0].find("STATE");
  for (std::size_t i = 1; i < lines.size(); ++i) EXPECT_EQ(lines[i].substr(column, 7), "running");
}

TEST_F(StatusTest, JsonNamesEverything) {
  auto const json = to_json(combine(look_));
  EXPECT_EQ(json.at("durableCopies"), 2U);
  EXPECT_EQ(json.at("election").at("reason"), "it stepped down");
  auto const& standby = json.at("members").as_array().at(2);
  EXPECT_EQ(standby.at("lagBytes"), 600);
  EXPECT_EQ(standby.at("lastHeartbeat"), nullptr);
  EXPECT_EQ(standby.at("ports").at("etcdPeer"), 5435);
}

TEST_F(StatusTest, RemovingMustLeaveAMajority) {
  auto const refusal = [&](int number, bool force = false) {
    return refusal_to_remove(combine(look_), parse_host_port(name(number)), force);
  };
  EXPECT_THAT(refusal(1), HasSubstr("is the primary"));
  EXPECT_THAT(refusal(1, true), HasSubstr("is the primary"));
  EXPECT_EQ(refusal(2), "");
  EXPECT_THROW(refusal(9), Error);
  lose(2);
  EXPECT_EQ(refusal(3), "");
  EXPECT_THAT(refusal(2), HasSubstr("--force"));
  EXPECT_EQ(refusal(2, true), "");
  look_.members.resize(1);
  look_.cluster = read_json(R"({"members":[]})");
  EXPECT_THAT(refusal(1, true), HasSubstr("last member"));
}

}  // namespace
}  // namespace minga::cluster
