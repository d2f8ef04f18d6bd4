#include "http/forms.hpp"

#include <minga/error.hpp>

#include "base/json_text.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

namespace minga::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::size_t kDepth = 64;

int status_of(std::function<void()> const& call) {
  try {
    call();
  } catch (Error const& error) {
    return error.status();
  }
  return 200;
}

TEST(ParseUrlencoded, ReadsPairs) {
  EXPECT_THAT(parse_urlencoded("a=1&b=two"), ElementsAre(Pair("a", "1"), Pair("b", "two")));
  EXPECT_THAT(parse_urlencoded("a+b=c+d%20e"), ElementsAre(Pair("a b", "c d e")));
  EXPECT_THAT(parse_urlencoded("a=b=c"), ElementsAre(Pair("a", "b=c")));
  EXPECT_THAT(parse_urlencoded("a"), ElementsAre(Pair("a", "")));
  EXPECT_THAT(parse_urlencoded("=v"), ElementsAre(Pair("", "v")));
  EXPECT_THAT(parse_urlencoded("a=1&a=2"), ElementsAre(Pair("a", "1"), Pair("a", "2")));
  EXPECT_THAT(parse_urlencoded("a=%C3%B1"), ElementsAre(Pair("a", "\xC3\xB1")));
  EXPECT_THAT(parse_urlencoded("a=%2b%26%3D"), ElementsAre(Pair("a", "+&=")));
  EXPECT_THAT(parse_urlencoded("&&"), IsEmpty());
  EXPECT_THAT(parse_urlencoded(""), IsEmpty());
}

TEST(ParseUrlencoded, RefusesBrokenEncodings) {
  for (auto const* text : {"a=%", "a=%4", "a=%zz", "%g1=a", "a=b&c=%0", "a=%ff", "%00=a"})
    EXPECT_EQ(status_of([&] { parse_urlencoded(text); }), 400) << text;
}

TEST(ParseJson, KeepsIntegersExactly) {
  for (auto const* text : {"9223372036854775807", "-9223372036854775808", "18446744073709551615",
                           "9007199254740993", "0", "-1"})
    EXPECT_EQ(json_text(parse_json(text, kDepth)), text);
}

TEST(ParseJson, TakesTheLastOfEqualKeys) {
  EXPECT_EQ(json_text(parse_json(R"({"a":1,"a":2})", kDepth)), R"({"a":2})");
}

TEST(ParseJson, RefusesWhatIsNoJson) {
  for (std::string const text :
       {"", "{", "{\"a\"}", "[1,]", "{\"a\":1} x", "nul", "01", "1.", "+1", "'a'", "\"\\x\"",
        "\"\n\"", "NaN", "// c\n1", "\"\\ud800\"", "\xEF\xBB\xBF{}"})
    EXPECT_EQ(status_of([&] { parse_json(text, kDepth); }), 400) << text;
}

TEST(ParseJson, RefusesInvalidUtf8) {
  // Cut short, overlong, a surrogate, past U+10FFFF, a lone continuation.
  for (auto const* bytes : {"\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xFF"})
    EXPECT_EQ(status_of([&] { parse_json(std::string("\"") + bytes + "\"", kDepth); }), 400);
}

TEST(ParseJson, RefusesZeroAnywhere) {
  for (auto const* text : {R"("\u0000")", R"({"a":["b\u0000"]})", R"({"\u0000":1})"})
    EXPECT_EQ(status_of([&] { parse_json(text, kDepth); }), 400) << text;
  EXPECT_EQ(status_of([] { parse_json(std::string_view("\"\0\"", 3), kDepth); }), 400);
}

JsonObject data_of(auto read) {
  try {
    read();
  } catch (Error const& error) {
    return error.data();
  }
  return {};
}

TEST(Zeros, AreReportedWithTheirField) {
  auto const code = "validation_invalid_text";
  auto const sent = data_of([] { parse_json(R"({"a":"b","c":["\u0000"],"d":"\u0000"})", kDepth); });
  EXPECT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent.at("c").at("code"), code);
  EXPECT_EQ(sent.at("d").at("code"), code);
  EXPECT_EQ(data_of([] { parse_urlencoded("a=b&c=%00"); }).at("c").at("code"), code);
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(ParseJson, BoundsTheNesting) {
  EXPECT_EQ(status_of([] { parse_json(nested(kDepth), kDepth); }), 200);
  EXPECT_EQ(status_of([] { parse_json(nested(kDepth + 1), kDepth); }), 400);
  EXPECT_EQ(status_of([] { parse_json(std::string(1'000'000, '['), kDepth); }), 400);
}

TEST(ParseJson, KeepsRealsExactly) {
  for (double const value :
       {0.1, 0.3, 1.1, 123.456, 2.2250738585072014e-308, 5e-324, 1.7976931348623157e308,
        9007199254740993.5, 3.141592653589793, 0.000001234567890123456, 7.0e22, 1e23, 8.41e21}) {
    EXPECT_EQ(parse_json(json_text(Json(value)), kDepth).to_number<double>(), value) << value;
  }
}

RC_GTEST_PROP(ParseJson, KeepsEveryReal, (std::uint64_t bits)) {
  auto const value = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(value));
  auto const text = json_text(Json(value));
  RC_ASSERT(parse_json(text, kDepth).to_number<double>() == value);
}

JsonObject form(std::vector<std::pair<std::string, std::string>> const& fields) {
  FormFields form(kDepth);
  for (auto const& [name, value] : fields) form.add(name, value);
  return form.take();
}

std::string form_text(std::vector<std::pair<std::string, std::string>> const& fields) {
  return json_text(Json(form(fields)));
}

TEST(FormFields, ReadsWordsAndNumbersInTheirShortestSpelling) {
  struct Case {
    char const* text;
    char const* json;
  };
  for (auto const& [text, json] : {
           Case{"true", "true"},
           Case{"false", "false"},
           Case{"True", R"("True")"},
           Case{"5", "5"},
           Case{"-5", "-5"},
           Case{"0", "0"},
           Case{"-0", R"("-0")"},
           Case{"1.5", "1.5"},
           Case{"05", R"("05")"},
           Case{"+5", R"("+5")"},
           Case{"1.0", R"("1.0")"},
           Case{"1e3", R"("1e3")"},
           Case{".5", R"(".5")"},
           Case{"5.", R"("5.")"},
           Case{"1 ", R"("1 ")"},
           Case{"", R"("")"},
           Case{"0x10", R"("0x10")"},
           Case{"nan", R"("nan")"},
           Case{"-inf", R"("-inf")"},
           Case{"null", R"("null")"},
           Case{"9007199254740993", "9007199254740993"},
           Case{"593981234567", "593981234567"},
           Case{"0981234567", R"("0981234567")"},
           Case{"[1]", R"("[1]")"},
       }) {
    EXPECT_EQ(json_text(form({{"f", text}}).at("f")), json) << text;
  }
}

TEST(FormFields, MakesAListOfARepeatedKey) {
  EXPECT_EQ(form_text({{"a", "x"}, {"b", "y"}, {"a", "1"}, {"a", "true"}}),
            R"({"a":["x",1,true],"b":"y"})");
}

TEST(FormFields, MergesPayloadsOverThePlainParts) {
  EXPECT_EQ(form_text({{"@jsonPayload", R"({"a":{"b":1},"c":2})"},
                       {"a", "plain"},
                       {"d", "kept"},
                       {"@jsonPayload", R"({"c":3})"}}),
            R"({"a":{"b":1},"d":"kept","c":3})");
}

TEST(FormFields, RefusesBrokenTextAndPayloads) {
  EXPECT_EQ(status_of([] { form({{"a", std::string("\0", 1)}}); }), 400);
  EXPECT_EQ(status_of([] { form({{std::string("\0", 1), "a"}}); }), 400);
  EXPECT_EQ(status_of([] { form({{"a", "\xFF"}}); }), 400);
  EXPECT_EQ(status_of([] { form({{"\xFF", "a"}}); }), 400);
  EXPECT_EQ(status_of([] { form({{"@jsonPayload", "[1]"}}); }), 400);
  EXPECT_EQ(status_of([] { form({{"@jsonPayload", "{"}}); }), 400);
  EXPECT_EQ(status_of([] { form({{"@jsonPayload", nested(kDepth + 1)}}); }), 400);
}

}  // namespace
}  // namespace minga::http
