#include "cluster/wall_clock.hpp"

#include <gtest/gtest.h>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

class WallClocks : public testing::Test {
 protected:
  /// After that much time; the wall clock stands `wall` from where it would.
  auto look(std::chrono::milliseconds later, std::chrono::milliseconds wall,
            std::chrono::milliseconds pause = 0ms) {
    steady += later;
    auto const begin = WallClock::Wall(1'000'000s);
    auto const shown = begin + (steady - WallClock::Steady()) + wall + pause;
    return clock.set_back(steady, shown, steady + pause);
  }

  WallClock clock;
  WallClock::Steady steady{};
};

TEST_F(WallClocks, GoOnWithTheOther) {
  EXPECT_EQ(look(1s, 0s), std::nullopt);
  EXPECT_EQ(look(1s, 0s), std::nullopt);
  EXPECT_EQ(look(1h, 0s), std::nullopt);
}

TEST_F(WallClocks, AreSetBack) {
  EXPECT_EQ(look(1s, 0s), std::nullopt);
  EXPECT_EQ(look(1s, -1h), 1h);
  EXPECT_EQ(look(1s, -1h), std::nullopt) << "it is told once";
  EXPECT_EQ(look(1s, -1h - 2s), 2s);
}

TEST_F(WallClocks, AreSetForwardWithoutHarm) {
  EXPECT_EQ(look(1s, 0s), std::nullopt);
  EXPECT_EQ(look(1s, 1h), std::nullopt);
  EXPECT_EQ(look(1s, 0s), 1h) << "and back";
}

TEST_F(WallClocks, AreSlewed) {
  EXPECT_EQ(look(1s, 0s), std::nullopt);
  for (int i = 1; i < 100; ++i) EXPECT_EQ(look(1s, -1s * i), std::nullopt);
}

TEST_F(WallClocks, OfAPausedProcessSayNothing) {
  EXPECT_EQ(look(1s, 0s), std::nullopt);
  EXPECT_EQ(look(1s, 0s, 10s), std::nullopt);
  EXPECT_EQ(look(11s, 0s), std::nullopt);
}

TEST(WallClockOfTheMachine, IsNotSetBackNow) {
  WallClock clock;
  EXPECT_EQ(clock.set_back(), std::nullopt);
  EXPECT_EQ(clock.set_back(), std::nullopt);
}

}  // namespace
}  // namespace minga::cluster
