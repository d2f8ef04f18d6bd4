#include "records/text_generator.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <re2/re2.h>

#include <ostream>
#include <set>
#include <stdexcept>
#include <string>

namespace minga::records {
namespace {

std::set<std::string> texts_of(std::string const& pattern, int count = 500) {
  TextGenerator const generator(pattern);
  std::set<std::string> texts;
  for (int i = 0; i < count; ++i) texts.insert(generator.generate());
  return texts;
}

std::string problem_of(std::string const& pattern) {
  try {
    TextGenerator const generator(pattern);
  } catch (std::invalid_argument const& error) {
    return error.what();
  }
  return "none";
}

TEST(TextGenerator, GivesAllThatAShortPatternAllows) {
  using Texts = std::set<std::string>;
  EXPECT_EQ(texts_of("abc"), (Texts{"abc"}));
  EXPECT_EQ(texts_of("a|bc|"), (Texts{"", "a", "bc"}));
  EXPECT_EQ(texts_of("[ab][0-1]"), (Texts{"a0", "a1", "b0", "b1"}));
  EXPECT_EQ(texts_of("x{1,3}"), (Texts{"x", "xx", "xxx"}));
  EXPECT_EQ(texts_of("x?y"), (Texts{"y", "xy"}));
  EXPECT_EQ(texts_of("x*"), (Texts{"", "x", "xx", "xxx", "xxxx", "xxxxx", "xxxxxx"}));
  EXPECT_EQ(texts_of("x{5,}"), (Texts{"xxxxx", "xxxxxx"}));
  EXPECT_EQ(texts_of("x{7,}"), (Texts{"xxxxxxx"}));
  EXPECT_EQ(texts_of("(?:a|(?P<n>b){2})c"), (Texts{"ac", "bbc"}));
  EXPECT_EQ(texts_of(R"(\.\\\[\x41)"), (Texts{R"(.\[A)"}));
  EXPECT_EQ(texts_of("a{,2}{x}{01}"), (Texts{"a{,2}{x}{01}"}));
  EXPECT_EQ(texts_of("[]a]"), (Texts{"]", "a"}));
  EXPECT_EQ(texts_of("[[:digit:]]", 2'000).size(), 10U);
  EXPECT_EQ(texts_of(R"([^\]!-~])"), (Texts{" "}));
  EXPECT_EQ(texts_of("\xC3\xB1[\xC3\xA1\xC3\xA9]"),
            (Texts{"\xC3\xB1\xC3\xA1", "\xC3\xB1\xC3\xA9"}));
  EXPECT_EQ(texts_of("[\xD0\xB0-\xD1\x8F]", 2'000).size(), 32U);
  EXPECT_EQ(texts_of(".", 5'000).size(), 62U);
}

TEST(TextGenerator, LosesNoTimeWithWhatIsEmpty) {
  std::string pattern = "(|)";
  for (int i = 0; i < 15; ++i) pattern.insert(0, 1, '(').append(")*");
  EXPECT_EQ(texts_of(pattern + "b{0}a"), (std::set<std::string>{"a"}));
}

TEST(TextGenerator, SaysWhatIsWrong) {
  auto const expect = [](std::string const& pattern, std::string const& part) {
    EXPECT_NE(problem_of(pattern).find(part), std::string::npos)
        << pattern << ": " << problem_of(pattern);
  };
  expect("(", "no regular expression");
  expect("a**", "no regular expression");
  expect("[b-a]", "no regular expression");
  expect("\xFF", "no regular expression");
  expect("^abc", "^ has no place");
  expect("abc$", "$ has no place");
  expect("(?i)abc", "flags");
  expect(R"(\bx)", "no printable character");
  expect(R"(\n)", "no printable character");
  expect(R"(\p{Greek})", "no printable character");
  expect("a\nb", "control characters");
  expect(R"(\Qx\E)", "\\Q");
  expect(std::string(501, 'a'), "501 bytes");
  expect("(.*){900}", "more than 5000 characters");
  expect("[\xC2\x80-\xF4\x8F\xBF\xBF]", "more than 65536 characters");
  expect(std::string(21, '(') + "a" + std::string(21, ')'), "more than 20 deep");
  EXPECT_EQ(problem_of(".{1000}.{1000}.{1000}.{1000}.{1000}"), "none");
}

TEST(TextGenerator, MakesUuidsThatSortByTime) {
  TextGenerator const generator("<uuidv7>");
  auto const text = generator.generate();
  EXPECT_TRUE(
      RE2::FullMatch(text, "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"))
      << text;
  EXPECT_EQ(generator.shortest(), text.size());
  EXPECT_EQ(generator.longest(), text.size());
}

/// Patterns as they are written, with parts in parts.
rc::Gen<std::string> pattern_of(int depth) {
  auto leaf = rc::gen::element<std::string>("a", "\xC3\xB1", ".", "[a-z0-9]", "[^a-z]",
                                            "[[:upper:]_-]", R"(\d)", R"(\W)", R"(\s)", R"(\pL)",
                                            R"(\-)", "{", "}", "]", "", "[\xC3\xA0-\xC3\xBF]");
  if (depth == 0) return leaf;
  auto const part = rc::gen::lazy([depth] { return pattern_of(depth - 1); });
  auto const join = [](std::string const& between) {
    return [between](std::string const& a, std::string const& b) {
      return "(" + a + between + b + ")";
    };
  };
  auto const repeated = rc::gen::apply(
      [](std::string const& each, std::string const& times) { return "(?:" + each + ")" + times; },
      part, rc::gen::element<std::string>("?", "*", "+", "{3}", "{0,2}", "{2,}", "*?"));
  return rc::gen::oneOf(leaf, repeated, rc::gen::apply(join(""), part, part),
                        rc::gen::apply(join("|"), part, part));
}

RC_GTEST_PROP(TextGeneratorProperty, EveryTextMatchesItsPatternWithinItsBounds, ()) {
  auto const pattern = *pattern_of(4);
  auto const problem = problem_of(pattern);
  RC_PRE(problem == "none");
  TextGenerator const generator(pattern);
  for (int i = 0; i < 10; ++i) {
    auto const text = generator.generate();
    RC_LOG() << pattern << " gave " << text;
    RC_ASSERT(RE2::FullMatch(text, pattern));
    auto const length = count_code_points(text);
    RC_ASSERT(length >= generator.shortest());
    RC_ASSERT(length <= generator.longest());
  }
}

}  // namespace
}  // namespace minga::records
