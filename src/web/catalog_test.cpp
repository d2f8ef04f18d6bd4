#include "web/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace minga::web {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(std::string_view toml) {
  try {
    Catalog().add("messages/es.toml", toml);
  } catch (std::invalid_argument const& error) {
    return error.what();
  }
  return "";
}

TEST(Catalog, JoinsTheNamesOfNestedTables) {
  Catalog catalog;
  catalog.add("f", "a = 'one'\n[b.c]\nd = 'two'\n\"An English sentence.\" = 'three'");
  EXPECT_EQ(catalog.text("a", {}), "one");
  EXPECT_EQ(catalog.text("b.c.d", {}), "two");
  EXPECT_EQ(catalog.text("b.c.An English sentence.", {}), "three");
  EXPECT_THAT(catalog.keys(), ElementsAre("a", "b.c.An English sentence.", "b.c.d"));
}

TEST(Catalog, AKeyWithoutMessageStandsForItself) {
  EXPECT_EQ(Catalog().text("no.such", {}), "no.such");
}

TEST(Catalog, FillsInValues) {
  Catalog catalog;
  catalog.add("f", "m = '{n} of {total}, {real}, {flag}, {missing}{'");
  JsonObject values{{"n", 2}, {"total", "<7>"}, {"real", 0.5}, {"flag", true}};
  EXPECT_EQ(catalog.text("m", values), "2 of <7>, 0.5, true, {missing}{");
}

TEST(Catalog, CountDecidesThePlural) {
  Catalog catalog;
  catalog.add("f", "m = {one = 'a task', other = '{count} tasks'}");
  EXPECT_EQ(catalog.text("m", {{"count", 1}}), "a task");
  EXPECT_EQ(catalog.text("m", {{"count", 0}}), "0 tasks");
  EXPECT_EQ(catalog.text("m", {{"count", 21}}), "21 tasks");
}

TEST(Catalog, ALaterFileWins) {
  Catalog catalog;
  catalog.add("platform", "m = 'theirs'\nn = 'theirs'");
  catalog.add("application", "m = 'ours'");
  EXPECT_EQ(catalog.text("m", {}), "ours");
  EXPECT_EQ(catalog.text("n", {}), "theirs");
}

TEST(Catalog, SaysWhereAFileIsWrong) {
  EXPECT_THAT(refusal("a = 'x'\nb = "), StartsWith("messages/es.toml:2:"));
  EXPECT_THAT(refusal("[t]\nn = 3"), HasSubstr("\"t.n\" must be a text"));
  EXPECT_THAT(refusal("m = '{{name}}'"), HasSubstr("double braces"));
  EXPECT_THAT(refusal("m = {one = '{{x}}', other = ''}"), HasSubstr("double braces"));
}

TEST(Catalog, NamesThePlaceholders) {
  EXPECT_THAT(placeholders("{count} of {paging.total}"), ElementsAre("count", "paging.total"));
  EXPECT_THAT(placeholders("none { here, nor {} nor {\"a b\": 1}, but {here}"),
              ElementsAre("here"));
}

}  // namespace
}  // namespace minga::web
