#include "base/text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace minga {
namespace {

TEST(Utf8, TellsValidFromInvalid) {
  EXPECT_TRUE(is_valid_utf8("plain"));
  EXPECT_TRUE(is_valid_utf8("\xC3\xB1"));
  EXPECT_FALSE(is_valid_utf8("\xC3"));
  EXPECT_FALSE(is_valid_utf8("\xC0\x80"));      // overlong
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));  // surrogate
  EXPECT_FALSE(is_valid_utf8("\xF5\x80\x80\x80"));
}

TEST(Utf8, CountsCodePoints) {
  EXPECT_EQ(count_code_points(""), 0U);
  EXPECT_EQ(count_code_points("a\xC3\xB1o"), 3U);
  EXPECT_EQ(count_code_points("\xF0\x9F\x98\x80"), 1U);
}

TEST(Case, FoldsAllOfUnicodeOneToOne) {
  EXPECT_EQ(fold_case("A\xC3\x91O"), "a\xC3\xB1o");
  EXPECT_EQ(fold_case("\xCE\xA3"), fold_case("\xCF\x82"));  // capital and final sigma
  EXPECT_EQ(lower_case("\xC3\x89L"), "\xC3\xA9l");
  EXPECT_EQ(fold_case("\xFF"
                      "A"),
            "\xFF"
            "a");
}

TEST(Shown, IsFitForAMessage) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("a \xC3\xB1"), "a \xC3\xB1");
  EXPECT_EQ(shown("\xFFz\xC3"), "\xEF\xBF\xBDz\xEF\xBF\xBD");
  EXPECT_EQ(shown(std::string_view("\0\r\n\x7F", 4)),
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(shown("\xC3\xB1\xC3\xB1\xC3\xB1", 2), "\xC3\xB1\xC3\xB1...");
  EXPECT_EQ(shown("ab", 2), "ab");
}

RC_GTEST_PROP(Shown, IsUtf8AndBounded, (std::string const& text)) {
  RC_ASSERT(is_valid_utf8(shown(text)));
  RC_ASSERT(count_code_points(shown(text, 5)) <= 8U);
}

TEST(Percent, Decodes) {
  EXPECT_EQ(percent_decode("a%20b+c"), "a b+c");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%2"), std::nullopt);
  EXPECT_EQ(percent_decode("%zz"), std::nullopt);
}

RC_GTEST_PROP(Percent, WhatIsEncodedIsDecoded, (std::string const& text)) {
  RC_ASSERT(percent_decode(percent_encode(text)) == text);
}

TEST(Html, EscapesWhatHasMeaning) {
  EXPECT_EQ(escape_html("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
}

TEST(Trim, TakesBlanksFromBothEnds) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim("  "), "");
}

}  // namespace
}  // namespace minga
