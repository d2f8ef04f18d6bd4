#include "base/json_text.hpp"

#include <boost/json/error.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

namespace minga {
namespace {

boost::system::error_code error_of(std::string_view text, std::size_t max_depth = 64) {
  boost::system::error_code error;
  read_json(text, error, max_depth);
  return error;
}

TEST(ReadJson, ReadsEveryKindOfValue) {
  for (std::string_view const text :
       {"null", "true", "false", "0", "-7", "18446744073709551615", "1.5", "\"\"",
        "\"a\\u00f1\\n\"", "[]", "{}", R"({"a":[1,{"b":null},"c"],"d":{}})"}) {
    boost::system::error_code error;
    EXPECT_EQ(read_json(text, error), boost::json::parse(text)) << text;
    EXPECT_FALSE(error) << text;
  }
  EXPECT_EQ(json_text(read_json(R"( {"a":1,"b":2,"a":3} )")), R"({"a":3,"b":2})");
}

TEST(ReadJson, SaysWhatIsNoJson) {
  for (std::string_view const text :
       {"", " ", "{", "[1,]", "1 2", "{} x", "nan", "'a'", "\"\xFF\""})
    EXPECT_TRUE(error_of(text)) << text;
  EXPECT_EQ(error_of("[[[]]]", 2), boost::json::error::too_deep);
  EXPECT_FALSE(error_of("[[]]", 2));
  EXPECT_THROW(read_json("{"), boost::system::system_error);
}

TEST(ReadJson, RefusesNumbersThatNoDoubleHolds) {
  EXPECT_EQ(error_of("1e400"), boost::json::error::exponent_overflow);
  EXPECT_EQ(error_of("[-1e999999]"), boost::json::error::exponent_overflow);
  EXPECT_TRUE(error_of("1" + std::string(400, '0')));
  for (auto const* text : {"1e-400", "5e-32556355"})
    EXPECT_EQ(read_json(text).to_number<double>(), 0) << text;
}

TEST(ReadJson, GivesTheNearestDouble) {
  for (std::string const text :
       {"474.59380568556355", "113.17408141314563", "-0.18065145869140625", "1e23", "8.41e21",
        "5e-324", "2.2250738585072011e-308", "179769313486231570000000000000000000000e270",
        "0.1000000000000000055511151231257827021181583404541015625"})
    EXPECT_EQ(read_json(text).to_number<double>(), std::strtod(text.c_str(), nullptr)) << text;
}

RC_GTEST_PROP(ReadJson, KeepsEveryDouble, (std::uint64_t bits)) {
  auto const value = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(value));
  RC_ASSERT(read_json(json_text(Json(value))).to_number<double>() == value);
}

RC_GTEST_PROP(ReadJson, KeepsDoublesOfEverydaySize, ()) {
  auto const numerator = static_cast<double>(*rc::gen::arbitrary<std::int64_t>());
  auto const value = numerator / *rc::gen::inRange(1, 1'000'000'000);
  RC_ASSERT(read_json(json_text(Json(value))).to_number<double>() == value);
}

TEST(JsonText, WritesEveryKindOfValue) {
  for (std::string_view const text :
       {"null", "true", "false", "0", "-9223372036854775808", "18446744073709551615", "1.5", "-0.0",
        "\"\"", "[]", "{}", "[[],{}]", R"({"a":[1,{"b":null},"c"],"d":{"":-7}})",
        R"("\"\\/\b\f\n\r\t\u0000\u001f")"})
    EXPECT_EQ(json_text(read_json(text)), text);
  EXPECT_EQ(json_text(read_json(R"("\u007f\u00f1\/")")), "\"\x7f\xC3\xB1/\"");
}

RC_GTEST_PROP(JsonText, AppendsStringsOfAnyLength, (std::string const& text)) {
  std::string many;
  for (int i = 0; i < 20; ++i) many += text;
  std::string out = "before ";
  append_json_string(out, many);
  RC_ASSERT(out == "before " + boost::json::serialize(boost::json::string_view(many)));
  std::string one;
  append_json_string(one, text);
  RC_ASSERT(one == boost::json::serialize(boost::json::string_view(text)));
}

TEST(ReadJson, ReadsItsOwnTextsHoweverDeep) {
  auto const text = std::string(500, '[') + std::string(500, ']');
  EXPECT_EQ(json_text(read_json(text)), text);
}

}  // namespace
}  // namespace minga
