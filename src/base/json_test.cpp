#include <minga/json.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace minga {
namespace {

TEST(Pick, TakesTheMembersInTheOrderOfTheKeys) {
  auto const object = boost::json::parse(R"({"a":[1],"b":"two","c":{"d":3}})").as_object();
  EXPECT_EQ(boost::json::serialize(pick(object, {"c", "x", "a"})), R"({"c":{"d":3},"a":[1]})");
  EXPECT_EQ(boost::json::serialize(pick(object, {})), "{}");
  EXPECT_EQ(boost::json::serialize(pick({}, {"a"})), "{}");
  EXPECT_EQ(boost::json::serialize(object), R"({"a":[1],"b":"two","c":{"d":3}})");
}

TEST(PrettyJson, GivesEachMemberALine) {
  auto value = boost::json::parse(R"({"a":1,"b":[true,null,"x\"y"],"c":{},"d":[],"e":{"f":-2}})");
  EXPECT_EQ(pretty(value), R"({
  "a": 1,
  "b": [
    true,
    null,
    "x\"y"
  ],
  "c": {},
  "d": [],
  "e": {
    "f": -2
  }
})");
}

TEST(PrettyJson, ReadsBackAsTheSameValue) {
  auto value = boost::json::parse(
      R"({"\u0001 key":"\u2028 text","big":9223372036854775807,"real":0.1,"nested":[[[]],{"":""}]})");
  EXPECT_EQ(boost::json::parse(pretty(value)), value);
}

}  // namespace
}  // namespace minga
