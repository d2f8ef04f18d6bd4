#include "cluster/restore.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minga::cluster {
namespace {

using testing::AllOf;
using testing::HasSubstr;

SystemTime at(char const* text) {
  return *parse_time(text);
}

class RestoreTest : public testing::Test {
 protected:
  RestoreTest() {
    settings_.repository = "/mnt/backups";
    stanzas_ = {{"main-x",
                 "",
                 {backup("F1", "2026-11-20 12:00:00Z"), backup("F2", "2026-11-21 11:00:00Z")}}};
  }

  static Backup backup(char const* label, char const* ended) {
    return {label, true, at(ended), at(ended), 1, 1, ""};
  }
  RestoreChoice choose(char const* to) {
    settings_.to = at(to);
    return choose_backup(stanzas_, settings_, now_);
  }
  std::string refusal() const {
    try {
      choose_backup(stanzas_, settings_, now_);
    } catch (std::invalid_argument const& error) {
      return error.what();
    }
    return "";
  }

  SystemTime now_ = at("2026-11-21 12:00:00Z");
  RestoreSettings settings_;
  std::vector<Stanza> stanzas_;
};

TEST_F(RestoreTest, BeginsFromTheLastBackupBeforeTheMoment) {
  EXPECT_EQ(choose("2026-11-20 12:00:00Z").backup.label, "F1");
  EXPECT_EQ(choose("2026-11-21 10:59:59.999Z").backup.label, "F1");
  EXPECT_EQ(choose("2026-11-21 11:00:00Z").backup.label, "F2");
  settings_.to.reset();
  EXPECT_EQ(choose_backup(stanzas_, settings_, now_).backup.label, "F2");
}

TEST_F(RestoreTest, RefusesMomentsThatCannotBe) {
  settings_.to = at("2026-11-20 11:59:59Z");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("--restore-to"), HasSubstr("2026-11-20 12:00:00Z")));
  settings_.to = at("2026-11-21 12:00:01Z");
  EXPECT_THAT(refusal(), HasSubstr("in the future"));
}

TEST_F(RestoreTest, AsksWhichSetWhereThereAreSeveral) {
  stanzas_.push_back({"other-y", "", {}});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("main-x, other-y"), HasSubstr("--restore-set")));
  settings_.stanza = "other-y";
  EXPECT_THAT(refusal(), HasSubstr("other-y in /mnt/backups has no complete backup"));
  settings_.stanza = "main-x";
  EXPECT_EQ(choose_backup(stanzas_, settings_, now_).stanza, "main-x");
  settings_.stanza = "none";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("'none'"), HasSubstr("main-x")));
  stanzas_.clear();
  EXPECT_THAT(refusal(), HasSubstr("holds no backups"));
}

TEST_F(RestoreTest, SaysWhatThereIsWhenTheLogEndsTooSoon) {
  settings_.to = at("2026-11-21 11:30:00Z");
  auto const words = recovery_failure(
      "LOG:  last completed transaction was at log time 2026-11-21 11:20:00.5+00\n"
      "FATAL:  recovery ended before configured recovery target was reached\n",
      settings_);
  EXPECT_THAT(words, AllOf(HasSubstr("no change after 2026-11-21 11:30:00.000Z"),
                           HasSubstr("Its last is of 2026-11-21 11:20:00.5+00.")));
}

TEST_F(RestoreTest, PassesOnWhatPostgresSays) {
  EXPECT_THAT(
      recovery_failure("LOG:  x\nFATAL:  could not locate required checkpoint record\n", settings_),
      HasSubstr("could not locate required checkpoint record"));
}

}  // namespace
}  // namespace minga::cluster
