#include "base/time_text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace minga {
namespace {

std::string read(std::string_view text) {
  auto const time = parse_time(text);
  return time ? format_time(*time) : "none";
}

TEST(TimeText, ReadsWhatTheApiAllows) {
  EXPECT_EQ(read("2022-01-01 10:00:00.123Z"), "2022-01-01 10:00:00.123Z");
  EXPECT_EQ(read("2022-01-01T10:00:00.123Z"), "2022-01-01 10:00:00.123Z");
  EXPECT_EQ(read("2022-01-01T12:00:00+02:00"), "2022-01-01 10:00:00.000Z");
  EXPECT_EQ(read("2022-01-01 00:30:00-0530"), "2022-01-01 06:00:00.000Z");
  EXPECT_EQ(read("2022-01-01 10:00:00.5"), "2022-01-01 10:00:00.500Z");
  EXPECT_EQ(read("2022-01-01 10:00:00.123999Z"), "2022-01-01 10:00:00.123Z");
  EXPECT_EQ(read("2022-01-01 10:00"), "2022-01-01 10:00:00.000Z");
  EXPECT_EQ(read("2022-01-01"), "2022-01-01 00:00:00.000Z");
  EXPECT_EQ(read("1641031200"), "2022-01-01 10:00:00.000Z");
  EXPECT_EQ(read("-1"), "1969-12-31 23:59:59.000Z");
}

TEST(TimeText, RefusesTheRest) {
  for (auto const* text :
       {"", "now", "2022-13-01", "2022-02-30", "2022-01-01 24:00", "2022-01-01 10:60",
        "2022-01-01 10:00:00.", "2022-01-01 10:00:00 CET", "2022-01-01Z10:00", "2022-1-1",
        "99999999999999", "9999-12-31 23:59:59-01:00", "2022-01-01 10:00:00Zx"}) {
    EXPECT_EQ(read(text), "none") << text;
  }
}

RC_GTEST_PROP(TimeText, WhatIsFormattedIsReadBack, ()) {
  auto const millis = *rc::gen::inRange<std::int64_t>(-62'167'219'200'000, 253'402'300'800'000);
  SystemTime const time{std::chrono::milliseconds{millis}};
  auto const text = format_time(time);
  RC_ASSERT(text.size() == 24U);
  RC_ASSERT(parse_time(text) == time);
}

}  // namespace
}  // namespace minga
