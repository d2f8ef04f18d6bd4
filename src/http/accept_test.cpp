#include "http/accept.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace minga::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> values_of(std::string_view header) {
  std::vector<std::string> values;
  for (auto const& preference : parse_preferences(header)) values.push_back(preference.value);
  return values;
}

TEST(ParsePreferences, OrdersByQualityAndKeepsTheHeadersOrderAmongEquals) {
  EXPECT_THAT(values_of("a;q=0.2, B, c;q=0.9, d"), ElementsAre("b", "d", "c", "a"));
  EXPECT_THAT(values_of("text/html;level=1;q=0.5, text/plain"),
              ElementsAre("text/plain", "text/html"));
  EXPECT_THAT(values_of("a;q=0, b;q=0.001"), ElementsAre("b", "a"));
  EXPECT_THAT(values_of(""), IsEmpty());
  EXPECT_THAT(values_of(" , ,;q=1,"), IsEmpty());
}

TEST(ParsePreferences, TakesAnUnreadableQualityForARefusal) {
  for (auto const* header : {"a;q=x", "a;q=0.5x", "a;q=nan", "a;q=-1"}) {
    auto const preferences = parse_preferences(header);
    ASSERT_EQ(preferences.size(), 1U) << header;
    EXPECT_EQ(preferences[0].quality, 0) << header;
  }
  EXPECT_EQ(parse_preferences("a;q=7")[0].quality, 1);
}

TEST(ParsePreferences, IsBounded) {
  std::string header;
  for (int i = 0; i < 1'000; ++i) header += "a,";
  EXPECT_EQ(parse_preferences(header).size(), 64U);
}

RC_GTEST_PROP(ParsePreferences, TakesAnyText, (std::string const& header)) {
  for (auto const& preference : parse_preferences(header)) {
    RC_ASSERT(preference.quality >= 0);
    RC_ASSERT(preference.quality <= 1);
    RC_ASSERT(!preference.value.empty());
  }
}

TEST(ChooseFormat, FollowsAccept) {
  struct Case {
    char const* accept;
    Format format;
  };
  for (auto const& [accept, format] : {
           Case{"", Format::json},
           Case{"*/*", Format::json},
           Case{"application/json", Format::json},
           Case{"text/html", Format::html},
           Case{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::html},
           Case{"application/json, text/html;q=0.9", Format::json},
           Case{"text/html;q=0.5, application/json", Format::json},
           Case{"text/plain", Format::text},
           Case{"text/*", Format::html},
           Case{"text/html;q=0", Format::json},
           Case{"image/png", Format::json},
           Case{"TEXT/HTML", Format::html},
       }) {
    EXPECT_EQ(choose_format(accept), format) << accept;
  }
}

TEST(ChooseLanguage, FollowsAcceptLanguage) {
  EXPECT_EQ(choose_language("es"), Language::es);
  EXPECT_EQ(choose_language("en-GB,en;q=0.9"), Language::en);
  EXPECT_EQ(choose_language("qu, es-EC;q=0.8, en;q=0.5"), Language::es);
  EXPECT_EQ(choose_language("en;q=0.1, ES-ec"), Language::es);
  EXPECT_EQ(choose_language("en;q=0"), std::nullopt);
  EXPECT_EQ(choose_language("estonian, english"), std::nullopt);
  EXPECT_EQ(choose_language("fr"), std::nullopt);
  EXPECT_EQ(choose_language(""), std::nullopt);
  EXPECT_EQ(choose_language("*"), std::nullopt);
}

TEST(ChooseEncoding, FollowsAcceptEncoding) {
  struct Case {
    char const* accept;
    Encoding encoding;
  };
  for (auto const& [accept, encoding] : {
           Case{"", Encoding::identity},
           Case{"identity", Encoding::identity},
           Case{"gzip", Encoding::gzip},
           Case{"br", Encoding::brotli},
           Case{"gzip, deflate, br", Encoding::brotli},
           Case{"GZIP", Encoding::gzip},
           Case{"br;q=0.5, gzip", Encoding::gzip},
           Case{"br;q=0, gzip", Encoding::gzip},
           Case{"gzip;q=0, br;q=0", Encoding::identity},
           Case{"*", Encoding::brotli},
           Case{"*, br;q=0", Encoding::gzip},
           Case{"*;q=0", Encoding::identity},
           Case{"*;q=0, gzip", Encoding::gzip},
           Case{"gzip;q=x", Encoding::identity},
           Case{"zstd", Encoding::identity},
       }) {
    EXPECT_EQ(choose_encoding(accept), encoding) << accept;
  }
}

TEST(ChooseEncoding, PrefersNoEncodingWhereTheClientDoes) {
  EXPECT_EQ(choose_encoding("identity, gzip;q=0.5"), Encoding::identity);
  EXPECT_EQ(choose_encoding("identity;q=0.5, gzip"), Encoding::gzip);
  EXPECT_EQ(choose_encoding("identity, gzip"), Encoding::gzip);
}

}  // namespace
}  // namespace minga::http
