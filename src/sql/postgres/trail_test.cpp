#include "sql/postgres/trail.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;

Clock::time_point at(int milliseconds) {
  return Clock::time_point{} + std::chrono::milliseconds(milliseconds);
}

TEST(Trail, TellsTheMomentOfWhatWasReplayed) {
  Trail trail;
  EXPECT_FALSE(trail.moment_of(100));
  trail.note(at(1), 100);
  trail.note(at(2), 100);
  trail.note(at(3), 200);
  EXPECT_FALSE(trail.moment_of(99));
  EXPECT_EQ(trail.moment_of(100), at(2));
  EXPECT_EQ(trail.moment_of(199), at(2));
  EXPECT_EQ(trail.moment_of(200), at(3));
  EXPECT_EQ(trail.moment_of(900), at(3)) << "a standby was asked after the primary";
  trail.forget_before(at(3));
  EXPECT_FALSE(trail.moment_of(199));
  EXPECT_EQ(trail.moment_of(200), at(3));
}

TEST(Trail, ForgetsWhatANewPrimaryNeverHad) {
  Trail trail;
  trail.note(at(1), 100);
  trail.note(at(2), 500);
  trail.note(at(3), 300);
  EXPECT_EQ(trail.moment_of(299), at(1));
  EXPECT_EQ(trail.moment_of(300), at(3));
  EXPECT_EQ(trail.moment_of(500), at(3));
}

/// Commits of a primary, and when it was asked; a standby that has replayed any prefix of them.
RC_GTEST_PROP(Trail, NeverTakesAStandbyForFresherThanItIs, ()) {
  auto const steps = *rc::gen::container<std::vector<bool>>(rc::gen::arbitrary<bool>());
  std::vector<int> committed;  // when; the log is as long as there are commits
  Trail trail;
  for (int now = 0; now < static_cast<int>(steps.size()); ++now) {
    if (steps[static_cast<std::size_t>(now)]) {
      committed.push_back(now);
    } else {
      trail.note(at(now), static_cast<std::int64_t>(committed.size()));
    }
  }
  auto const replayed = *rc::gen::inRange<std::size_t>(0, committed.size() + 1);
  auto const moment = trail.moment_of(static_cast<std::int64_t>(replayed));
  if (!moment) return;
  for (std::size_t i = replayed; i < committed.size(); ++i) RC_ASSERT(at(committed[i]) > *moment);
}

}  // namespace
}  // namespace minga::sql::postgres
