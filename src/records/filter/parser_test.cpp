#include <minga/error.hpp>

#include "records/filter/ast.hpp"
#include "records/filter/filter.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace minga::records::filter {
namespace {

std::string shown(Operand const& operand);

std::string shown(Call const& call) {
  std::string text = call.name + "(";
  for (auto const& argument : call.arguments) text += shown(argument) + ";";
  return text + ")";
}

std::string shown(Operand const& operand) {
  switch (operand.kind) {
    case Operand::Kind::text:
      return "'" + operand.text + "'";
    case Operand::Kind::number:
      return operand.is_integer ? fmt::format("{}", operand.integer)
                                : fmt::format("{}f", operand.number);
    case Operand::Kind::call:
      return shown(*operand.call);
    default:
      return operand.text + (operand.modifier.empty() ? "" : ":" + operand.modifier);
  }
}

std::string shown(Expression const& expression) {
  static constexpr char const* kNames[] = {"=", "!=", ">", ">=", "<", "<=", "~", "!~"};
  if (expression.kind == Expression::Kind::comparison) {
    auto const& each = expression.comparison;
    return fmt::format("{} {}{} {}", shown(each.left), each.any ? "?" : "",
                       kNames[static_cast<int>(each.op)], shown(each.right));
  }
  std::string text;
  auto const* joint = expression.kind == Expression::Kind::conjunction ? " && " : " || ";
  for (auto const& part : expression.parts) text += (text.empty() ? "" : joint) + shown(*part);
  return "(" + text + ")";
}

std::string parsed(std::string_view text) {
  return shown(*parse(text));
}

struct Good {
  std::string text, meaning;
};
void PrintTo(Good const& good, std::ostream* out) {
  *out << good.text;
}

class Grammar : public testing::TestWithParam<Good> {};

TEST_P(Grammar, IsReadAsTheApiSays) {
  EXPECT_EQ(parsed(GetParam().text), GetParam().meaning);
}

INSTANTIATE_TEST_SUITE_P(Operators, Grammar,
                         testing::Values(Good{"a=1", "a = 1"}, Good{"a != 1", "a != 1"},
                                         Good{"a>1", "a > 1"}, Good{"a>=1", "a >= 1"},
                                         Good{"a<1", "a < 1"}, Good{"a<=1", "a <= 1"},
                                         Good{"a~1", "a ~ 1"}, Good{"a!~1", "a !~ 1"},
                                         Good{"a?=1", "a ?= 1"}, Good{"a?!=1", "a ?!= 1"},
                                         Good{"a?>1", "a ?> 1"}, Good{"a?>=1", "a ?>= 1"},
                                         Good{"a?<1", "a ?< 1"}, Good{"a?<=1", "a ?<= 1"},
                                         Good{"a?~1", "a ?~ 1"}, Good{"a?!~1", "a ?!~ 1"}));

INSTANTIATE_TEST_SUITE_P(Joining, Grammar,
                         testing::Values(Good{"a=1&&b=2||c=3", "((a = 1 && b = 2) || c = 3)"},
                                         Good{"a=1||b=2&&c=3", "(a = 1 || (b = 2 && c = 3))"},
                                         Good{"(a=1||b=2)&&c=3", "((a = 1 || b = 2) && c = 3)"},
                                         Good{"((a=1))", "a = 1"},
                                         Good{"a=1&&b=2&&c=3", "(a = 1 && b = 2 && c = 3)"}));

INSTANTIATE_TEST_SUITE_P(Spaces, Grammar,
                         testing::Values(Good{" \t\r\n a \n=\t1 ", "a = 1"},
                                         Good{"a = 1 // the end", "a = 1"},
                                         Good{"// first\na = // then\n 1", "a = 1"},
                                         Good{"a=1//", "a = 1"}, Good{"a='x//y'", "a = 'x//y'"}));

INSTANTIATE_TEST_SUITE_P(Numbers, Grammar,
                         testing::Values(Good{"a=-1", "a = -1"}, Good{"a=1.5", "a = 1.5f"},
                                         Good{"a=-0.25", "a = -0.25f"},
                                         Good{"a=9223372036854775807", "a = 9223372036854775807"},
                                         Good{"a=-9223372036854775808", "a = -9223372036854775808"},
                                         Good{"a=9223372036854775808",
                                              "a = 9.223372036854776e+18f"},
                                         Good{"a=007", "a = 7"}, Good{"1=a", "1 = a"}));

INSTANTIATE_TEST_SUITE_P(
    Texts, Grammar,
    testing::Values(Good{"a='x'", "a = 'x'"}, Good{"a=\"x\"", "a = 'x'"}, Good{"a=''", "a = ''"},
                    Good{R"(a='it\'s')", "a = 'it's'"}, Good{R"(a='c:\dir')", R"(a = 'c:\dir')"},
                    Good{R"(a="q\"q")", "a = 'q\"q'"}, Good{R"(a="x\\")", R"(a = 'x\')"},
                    Good{R"(a="\/\b\f\n\r\t")", "a = '/\b\f\n\r\t'"},
                    Good{R"(a="\u0041\u00e9\u20AC")", "a = 'A\xC3\xA9\xE2\x82\xAC'"},
                    Good{R"(a="\ud83d\ude00")", "a = '\xF0\x9F\x98\x80'"},
                    Good{R"(a="\x\'")", R"(a = '\x\'')"}, Good{"a='\"'", "a = '\"'"},
                    Good{"a='\xC3\xB1'", "a = '\xC3\xB1'"}));

INSTANTIATE_TEST_SUITE_P(Names, Grammar,
                         testing::Values(Good{"_a1=1", "_a1 = 1"}, Good{"a.b.0.c=1", "a.b.0.c = 1"},
                                         Good{"a:length=1", "a:length = 1"},
                                         Good{"a.b:each=1", "a.b:each = 1"},
                                         Good{"@now=1", "@now = 1"},
                                         Good{"@collection.c:x.f=1", "@collection.c:x.f = 1"},
                                         Good{"f(a,1,'x')=g()", "f(a;1;'x';) = g()"},
                                         Good{"f( g( h( 1 ) ) ) = 1", "f(g(h(1;););) = 1"}));

struct Bad {
  std::string text;
  std::int64_t position;
};
void PrintTo(Bad const& bad, std::ostream* out) {
  *out << bad.text;
}

class GrammarErrors : public testing::TestWithParam<Bad> {};

TEST_P(GrammarErrors, SayWhere) {
  try {
    parse(GetParam().text);
    FAIL() << GetParam().text << " was taken";
  } catch (Error const& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.message(), "Invalid filter.");
    auto const& data = error.data().at("filter");
    EXPECT_EQ(data.at("code"), "validation_invalid_filter");
    EXPECT_TRUE(data.at("message").as_string().ends_with("."));
    EXPECT_EQ(data.at("params").at("position").as_int64(), GetParam().position) << GetParam().text;
  }
}

INSTANTIATE_TEST_SUITE_P(Structure, GrammarErrors,
                         testing::Values(Bad{" ", 1}, Bad{"//", 2}, Bad{"a", 1}, Bad{"a =", 3},
                                         Bad{"= 1", 0}, Bad{"a = 1 b", 6}, Bad{"a = 1 &&", 8},
                                         Bad{"|| a = 1", 0}, Bad{"(a = 1", 6}, Bad{"a = 1)", 5},
                                         Bad{"()", 1}, Bad{"!a = 1", 0}, Bad{"a = 1 & b = 2", 6},
                                         Bad{"a = 1 | b = 2", 6}, Bad{"a = 1 = 2", 6},
                                         Bad{"a, b = 1", 1}, Bad{"(a) = 1", 2}));

INSTANTIATE_TEST_SUITE_P(Operators, GrammarErrors,
                         testing::Values(Bad{"a == 1", 2}, Bad{"a <> 1", 2}, Bad{"a =! 1", 2},
                                         Bad{"a ? 1", 2},
                                         Bad{"a ?"
                                             "?= 1",
                                             2},
                                         Bad{"a ! 1", 2}, Bad{"a => 1", 2}, Bad{"a >< 1", 2}));

INSTANTIATE_TEST_SUITE_P(Operands, GrammarErrors,
                         testing::Values(Bad{"a = 'x", 4}, Bad{"a = \"x", 4}, Bad{R"(a = 'x\')", 4},
                                         Bad{R"(a = 'x\\')", 4}, Bad{R"(a = "x\")", 4},
                                         Bad{R"(a = "\u12")", 7}, Bad{R"(a = "\u12g4")", 7},
                                         Bad{R"(a = "\ud83d")", 4}, Bad{R"(a = "\ud83d\u0041")", 5},
                                         Bad{R"(a = "\ude00")", 4}, Bad{R"(a = "\u0000")", 4},
                                         Bad{"a = 1.", 4}, Bad{"a = 1x", 4}, Bad{"a = 1.2.3", 4},
                                         Bad{"a = .5", 4}, Bad{"a = +5", 4}, Bad{"a = -", 4},
                                         Bad{"a = 1e5", 4}, Bad{"a. = 1", 0}, Bad{"a: = 1", 0},
                                         Bad{"@ = 1", 0}, Bad{"a = #", 4}, Bad{"a = \xC3\xB1", 4}));

INSTANTIATE_TEST_SUITE_P(Functions, GrammarErrors,
                         testing::Values(Bad{"f( = 1", 3}, Bad{"f(1 = 1", 4}, Bad{"f(1,) = 1", 4},
                                         Bad{"f(,1) = 1", 2}, Bad{"f(1 2) = 1", 4},
                                         Bad{"f(f(f(f(1)))) = 1", 7}));

TEST(GrammarErrors, InvalidBytesAreNamed) {
  std::string const zero("a = 'x\0'", 8);
  EXPECT_THROW(parse("a = '\xFF'"), Error);
  EXPECT_THROW(parse(zero), Error);
}

TEST(GrammarErrors, NumbersThatNothingHolds) {
  EXPECT_THROW(parse("a < 1" + std::string(400, '0')), Error);
  EXPECT_EQ(parsed("a < 0." + std::string(400, '0') + "1"), "a < 0f");
}

// Limits: the last that fits, the first that does not.

std::string times(std::size_t count, std::string_view what, std::string_view joint) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text.append(i == 0 ? "" : joint).append(what);
  return text;
}

TEST(FilterLimits, Bytes) {
  EXPECT_NO_THROW(parse("a='" + std::string(3'496, 'x') + "'"));
  EXPECT_THROW(parse("a='" + std::string(3'497, 'x') + "'"), Error);
}

TEST(FilterLimits, Comparisons) {
  EXPECT_NO_THROW(parse(times(200, "a=1", "||")));
  EXPECT_THROW(parse(times(201, "a=1", "||")), Error);
}

TEST(FilterLimits, NestedGroups) {
  EXPECT_NO_THROW(parse(std::string(64, '(') + "a=1" + std::string(64, ')')));
  EXPECT_THROW(parse(std::string(65, '(') + "a=1" + std::string(65, ')')), Error);
  EXPECT_NO_THROW(parse(times(100, "(a=1)", "||"))) << "groups side by side are not nested";
}

void expect_expression_or_400(std::string const& text) {
  try {
    RC_ASSERT(parse(text) != nullptr);
  } catch (Error const& error) {
    RC_ASSERT(error.status() == 400);
    auto const position = error.data().at("filter").at("params").at("position").as_int64();
    RC_ASSERT(position >= 0);
    RC_ASSERT(position <= static_cast<std::int64_t>(text.size()));
  }
}

RC_GTEST_PROP(AnyBytes, AreAnExpressionOrAnError, (std::string const& text)) {
  expect_expression_or_400(text);
}

RC_GTEST_PROP(AnyBytes, OfTheGrammarsOwnPieces, ()) {
  auto const pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "a", "a.b", ":each", "@now", "=", "!=", "?", "~", "<", "(", ")", "&&", "||", "'x'", "\"", "'",
      "\\", "\\u00", "1", "-", ".", ",", " ", "//", "\n", "f(", "\xC3", "\xB1"));
  std::string text;
  for (auto const& piece : pieces) text += piece;
  expect_expression_or_400(text);
}

}  // namespace
}  // namespace minga::records::filter
