#include "http/cookies.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <stdexcept>

namespace minga::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(ParseCookies, ReadsPairs) {
  EXPECT_THAT(parse_cookies("a=1; b=two"), ElementsAre(Pair("a", "1"), Pair("b", "two")));
  EXPECT_THAT(parse_cookies("a=1;b=2"), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(parse_cookies("a=b=c"), ElementsAre(Pair("a", "b=c")));
  EXPECT_THAT(parse_cookies("a="), ElementsAre(Pair("a", "")));
  EXPECT_THAT(parse_cookies("a=\"q\""), ElementsAre(Pair("a", "q")));
  EXPECT_THAT(parse_cookies("a=\""), ElementsAre(Pair("a", "\"")));
  EXPECT_THAT(parse_cookies(" a = 1 "), ElementsAre(Pair("a", "1")));
  EXPECT_THAT(parse_cookies("a=1; a=2"), ElementsAre(Pair("a", "1"), Pair("a", "2")));
  EXPECT_THAT(parse_cookies("a=%20"), ElementsAre(Pair("a", "%20")));
}

TEST(ParseCookies, PassesOverWhatIsNoPair) {
  EXPECT_THAT(parse_cookies(""), IsEmpty());
  EXPECT_THAT(parse_cookies(";;; ;"), IsEmpty());
  EXPECT_THAT(parse_cookies("alone; =x; a=1"), ElementsAre(Pair("a", "1")));
}

RC_GTEST_PROP(ParseCookies, TakesAnyText, (std::string const& header)) {
  for (auto const& [name, value] : parse_cookies(header)) {
    RC_ASSERT(name.find(';') == std::string::npos);
    RC_ASSERT(value.find(';') == std::string::npos);
  }
}

TEST(FormatCookie, WritesItsAttributes) {
  Cookie cookie;
  cookie.name = "session";
  cookie.value = "abc";
  EXPECT_EQ(format_cookie(cookie), "session=abc; Path=/; HttpOnly; SameSite=Lax");
  cookie.max_age = std::chrono::hours(1);
  cookie.secure = true;
  cookie.http_only = false;
  cookie.same_site = "Strict";
  cookie.path = "/tasks";
  EXPECT_EQ(format_cookie(cookie),
            "session=abc; Path=/tasks; Max-Age=3600; Secure; SameSite=Strict");
  cookie.max_age = std::chrono::seconds(0);
  EXPECT_NE(format_cookie(cookie).find("; Max-Age=0;"), std::string::npos);
}

TEST(FormatCookie, RefusesWhatWouldAddAttributesOrHeaders) {
  for (auto const* text : {"a;b", "a b", "a,b", "a\"b", "a\\b", "a\r\nb", "\xC3\xB1", "a\tb"}) {
    Cookie cookie;
    cookie.name = "name";
    cookie.value = text;
    EXPECT_THROW(format_cookie(cookie), std::invalid_argument) << text;
    cookie.name = text;
    cookie.value = "value";
    EXPECT_THROW(format_cookie(cookie), std::invalid_argument) << text;
  }
  Cookie nameless;
  EXPECT_THROW(format_cookie(nameless), std::invalid_argument);
  nameless.name = "a=b";
  EXPECT_THROW(format_cookie(nameless), std::invalid_argument);
  for (auto const* path : {"/; Domain=example.org", "/\r\nX: y", ""}) {
    Cookie cookie;
    cookie.name = "name";
    cookie.path = path;
    EXPECT_THROW(format_cookie(cookie), std::invalid_argument) << path;
  }
}

RC_GTEST_PROP(FormatCookie, WhatIsWrittenIsReadBack, ()) {
  auto const octet = rc::gen::elementOf(std::string("abcXYZ019!#$%&'*+-._~|^`"));
  Cookie cookie;
  cookie.name = *rc::gen::nonEmpty(rc::gen::container<std::string>(octet));
  cookie.value = *rc::gen::container<std::string>(octet);
  auto const text = format_cookie(cookie);
  auto const read = parse_cookies(text.substr(0, text.find("; Path")));
  RC_ASSERT(read.size() == 1U);
  RC_ASSERT(read[0].first == cookie.name);
  RC_ASSERT(read[0].second == cookie.value);
}

}  // namespace
}  // namespace minga::http
