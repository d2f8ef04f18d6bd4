#include "cluster/backup_report.hpp"

#include "base/json_text.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

SystemTime at(char const* text) {
  return *parse_time(text);
}

Backup backup(char const* label, char const* ended, char const* first_segment) {
  return {label, true, at(ended), at(ended), 1, 1, first_segment};
}

/// A set whose last backup is an hour old and whose log is all stored.
class BackupStateTest : public testing::Test {
 protected:
  BackupStateTest() {
    BackupReport report;
    report.at = now_ - 5s;
    report.member = "10.0.0.1:5432";
    report.archived_at = now_ - 30s;
    report.since = at("2026-11-20 12:00:00Z");
    report.backups = {backup("F1", "2026-11-20 12:00:00Z", "000000010000000000000002"),
                      backup("F2", "2026-11-21 11:00:00Z", "000000010000000000000009")};
    state_.settings = BackupSettings{"/mnt/backups", "main-x", {}};
    state_.report = report;
  }

  std::string problem() const { return backup_problem(state_, now_); }

  SystemTime now_ = at("2026-11-21 12:00:00Z");
  BackupState state_;
};

TEST_F(BackupStateTest, AllIsWell) {
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(backups_line(state_, now_),
            "backups in /mnt/backups: the last is full of 2026-11-21 11:00:00Z; any moment since "
            "2026-11-20 12:00:00Z is kept");
}

TEST_F(BackupStateTest, NobodySaysAnything) {
  state_.report->at = now_ - 5min;
  EXPECT_THAT(problem(), HasSubstr("no member has said anything of the backups since 2026"));
  state_.report.reset();
  EXPECT_THAT(problem(), HasSubstr("yet"));
  state_.settings.reset();
  EXPECT_EQ(problem(), "") << "no backups are wanted";
}

TEST_F(BackupStateTest, ALogThatWaitsLongIsAnAlarmEvenIfNothingFailed) {
  state_.report->waiting = 1;
  state_.report->waiting_since = now_ - 10s;
  EXPECT_EQ(problem(), "");
  state_.report->waiting_since = now_ - 10min;
  EXPECT_EQ(problem(),
            "1 file of the log (16 MB each) waits for the repository since 2026-11-21 11:50:00Z");
}

TEST_F(BackupStateTest, AStandbyThatCouldNotGoOnIsAnAlarm) {
  state_.unready["10.0.0.2:5432"] = "/mnt/backups is not there";
  EXPECT_EQ(problem(),
            "10.0.0.2:5432 could not go on with the backups as the primary: /mnt/backups is not "
            "there");
}

TEST_F(BackupStateTest, IsReadBackFromEtcd) {
  std::map<std::string, std::string> const listed{
      {"/minga-backups/created", "/mnt/backups"},
      {"/minga-backups/report", boost::json::serialize(to_json(*state_.report))},
      {"/minga-backups/request", R"({"id":"r","full":true})"},
      {"/minga-backups/settings", boost::json::serialize(to_json(*state_.settings))},
      {"/minga-backups/unready/10.0.0.2:5432", "gone"}};
  auto const read = backup_state_from(listed);
  EXPECT_EQ(read.created, "/mnt/backups");
  EXPECT_EQ(read.settings, state_.settings);
  EXPECT_EQ(to_json(*read.report), to_json(*state_.report));
  EXPECT_EQ(read.unready.at("10.0.0.2:5432"), "gone");
}

TEST_F(BackupStateTest, MomentsCanBeRestoredFromTheFirstBackupWhoseLogHasNoGap) {
  auto const& backups = state_.report->backups;
  std::vector<std::string> stored;
  for (auto const* name :
       {"000000010000000000000002", "000000010000000000000003", "000000010000000000000009",
        "00000001000000000000000A", "00000002000000000000000A", "00000002000000000000000B"}) {
    stored.emplace_back(name);
  }
  EXPECT_EQ(restorable_since(backups, stored), backups[1].ended);
  for (int segment = 4; segment < 9; ++segment) {
    stored.push_back("00000001000000000000000" + std::to_string(segment));
  }
  EXPECT_EQ(restorable_since(backups, stored), backups[0].ended);
  EXPECT_EQ(restorable_since(backups, {}), std::nullopt);
  EXPECT_EQ(restorable_since({}, stored), std::nullopt);
}

}  // namespace
}  // namespace minga::cluster
