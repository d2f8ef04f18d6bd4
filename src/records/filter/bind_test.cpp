#include <minga/filter.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

namespace minga {
namespace {

TEST(FilterBinding, PutsLiteralsInTheirPlaces) {
  JsonObject values{{"text", "a"}, {"flag", true}, {"number", -2}, {"none", nullptr}};
  EXPECT_EQ(filter("x = {:text} && (y = {:flag} || z > {:number}) && w = {:none}", values),
            R"(x = "a" && (y = true || z > -2) && w = null)");
}

TEST(FilterBinding, ATextCannotLeaveItsQuotes) {
  JsonObject values{{"text", R"(" || id != "\)"}};
  EXPECT_EQ(filter("x = {:text}", values), R"(x = "\" || id != \"\\")");
}

TEST(FilterBinding, WithinATextAPercentSignStandsForItself) {
  JsonObject values{{"text", "100%"}};
  EXPECT_EQ(filter("x ~ {:text} || x !~ {:text} || x = {:text}", values),
            R"(x ~ "100\\%" || x !~ "100\\%" || x = "100%")");
}

TEST(FilterBinding, SaysWhatIsWrong) {
  JsonObject values{{"list", JsonArray{1}}};
  EXPECT_THROW(filter("x = {:missing}", values), std::invalid_argument);
  EXPECT_THROW(filter("x = {:list}", values), std::invalid_argument);
  EXPECT_THROW(filter("x = {:list", values), std::invalid_argument);
}

}  // namespace
}  // namespace minga
