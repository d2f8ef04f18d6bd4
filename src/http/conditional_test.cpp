#include "http/conditional.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace minga::http {
namespace {

TEST(TagListed, ComparesAsTheHeaderAsks) {
  struct Case {
    char const* list;
    char const* tag;
    bool weakly;
    bool strongly;
  };
  for (auto const& [list, tag, weakly, strongly] : {
           Case{R"("a")", R"("a")", true, true},
           Case{R"("a")", R"("b")", false, false},
           Case{R"("b", "a")", R"("a")", true, true},
           Case{R"("b","a")", R"("a")", true, true},
           Case{R"(W/"a")", R"("a")", true, false},
           Case{R"("a")", R"(W/"a")", true, false},
           Case{R"(W/"a")", R"(W/"a")", true, false},
           Case{R"( , "a" )", R"("a")", true, true},
           Case{"*", R"("a")", true, true},
           Case{" * ", R"("a")", true, true},
           Case{"", R"("a")", false, false},
           Case{"a", R"("a")", false, false},
           Case{R"("a)", R"("a")", false, false},
           Case{R"("a, b")", R"("a")", false, false},
           Case{R"("b" x "a")", R"("a")", false, false},
           Case{R"(w/"a")", R"("a")", false, false},
       }) {
    EXPECT_EQ(tag_listed(list, tag, true), weakly) << list << " weakly " << tag;
    EXPECT_EQ(tag_listed(list, tag, false), strongly) << list << " strongly " << tag;
  }
}

TEST(ParseHttpDate, ReadsImfFixdates) {
  auto const seconds = [](std::string_view text) {
    auto const time = parse_http_date(text);
    return time ? time->time_since_epoch().count() : -1;
  };
  EXPECT_EQ(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777);
  EXPECT_EQ(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(seconds("Tue, 29 Feb 2000 23:59:60 GMT"), 951'868'800);
  for (auto const* text : {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 06 ovD 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
                           "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
                           "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"})
    EXPECT_EQ(seconds(text), -1) << text;
}

std::string text_of(RangeAnswer const& answer) {
  if (!answer.satisfiable) return "416";
  if (!answer.range) return "whole";
  return std::to_string(answer.range->first) + "-" + std::to_string(answer.range->last);
}

TEST(ChooseRange, ReadsOneRangeOfBytes) {
  struct Case {
    char const* header;
    std::uint64_t size;
    char const* expected;
  };
  for (auto const& [header, size, expected] : {
           Case{"bytes=0-0", 10, "0-0"},
           Case{"bytes=0-9", 10, "0-9"},
           Case{"bytes=2-5", 10, "2-5"},
           Case{"bytes=5-", 10, "5-9"},
           Case{"bytes=5-100", 10, "5-9"},
           Case{"bytes=-3", 10, "7-9"},
           Case{"bytes=-100", 10, "0-9"},
           Case{"bytes=-0", 10, "416"},
           Case{"bytes=10-", 10, "416"},
           Case{"bytes=10-20", 10, "416"},
           Case{"bytes=0-", 0, "416"},
           Case{"bytes=-5", 0, "416"},
           Case{"bytes=5-2", 10, "whole"},
           Case{"bytes=0-1,3-4", 10, "whole"},
           Case{"bytes=", 10, "whole"},
           Case{"bytes=-", 10, "whole"},
           Case{"bytes=a-b", 10, "whole"},
           Case{"bytes=1", 10, "whole"},
           Case{"bytes=+1-2", 10, "whole"},
           Case{"bytes=1--2", 10, "whole"},
           Case{"bytes=18446744073709551615-", 10, "416"},
           Case{"bytes=0-18446744073709551615", 10, "0-9"},
           Case{"bytes=18446744073709551616-", 10, "whole"},
           Case{"bytes=-18446744073709551615", 10, "0-9"},
           Case{"items=0-1", 10, "whole"},
           Case{"", 10, "whole"},
       }) {
    EXPECT_EQ(text_of(choose_range(header, size)), expected) << header << " of " << size;
  }
}

RC_GTEST_PROP(ChooseRange, StaysInsideTheBody, (std::string const& spec, std::uint64_t size)) {
  auto const answer = choose_range("bytes=" + spec, size);
  if (answer.range) {
    RC_ASSERT(answer.range->first <= answer.range->last);
    RC_ASSERT(answer.range->last < size);
  }
}

}  // namespace
}  // namespace minga::http
