#include "sql/postgres/whereabouts.hpp"

#include <gtest/gtest.h>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;

TEST(Whereabouts, TellsWhereTheNewestTimelineIs) {
  Whereabouts whereabouts;
  auto const now = Clock::now();
  EXPECT_TRUE(whereabouts.is_newest(3, 0, now));
  EXPECT_TRUE(whereabouts.is_newest(3, 0, now));
  EXPECT_EQ(whereabouts.last().number, 0U) << "nobody is anywhere else";
  EXPECT_TRUE(whereabouts.is_newest(4, 2, now));
  EXPECT_EQ(whereabouts.last().number, 1U);
  EXPECT_EQ(whereabouts.last().host, 2U);
}

TEST(Whereabouts, TakesAnOlderTimelineForReplacedWhileThatCanBe) {
  Whereabouts whereabouts;
  auto const now = Clock::now();
  EXPECT_TRUE(whereabouts.is_newest(4, 2, now));
  EXPECT_FALSE(whereabouts.is_newest(3, 0, now + 1s));
  EXPECT_EQ(whereabouts.last().number, 0U);
  // Another set may stand there by then, as after a restore.
  EXPECT_TRUE(whereabouts.is_newest(3, 0, now + Whereabouts::kReplacedFor));
  EXPECT_EQ(whereabouts.last().host, 0U);
}

TEST(Whereabouts, LetsOneLookAtATime) {
  Whereabouts whereabouts;
  auto const now = Clock::now();
  EXPECT_TRUE(whereabouts.take_turn(now));
  EXPECT_FALSE(whereabouts.take_turn(now + 100ms));
  EXPECT_TRUE(whereabouts.take_turn(now + 1s));
}

}  // namespace
}  // namespace minga::sql::postgres
