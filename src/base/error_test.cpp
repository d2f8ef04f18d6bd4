#include <minga/error.hpp>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace minga {
namespace {

using namespace std::chrono_literals;

TEST(Error, MakesTheEnvelope) {
  auto const error = Error::invalid("title", "validation_required", "Cannot be blank.");
  EXPECT_EQ(boost::json::serialize(error.envelope()),
            R"({"status":400,"message":"Something went wrong while processing your request.",)"
            R"("data":{"title":{"code":"validation_required","message":"Cannot be blank."}}})");
}

TEST(Error, ParametersStandBesideTheMessage) {
  JsonObject params;
  params["min"] = 3;
  auto const field =
      field_error("validation_min_text_constraint", "Must be at least 3 character(s).", params);
  EXPECT_EQ(field.at("params").at("min").as_int64(), 3);
}

TEST(Error, UnavailableSaysWhenToComeBack) {
  EXPECT_EQ(Error::unavailable("Busy.", 0s).retry_after(), 1s);
  EXPECT_EQ(Error::unavailable("Busy.", 5s).retry_after(), 5s);
  EXPECT_EQ(Error::not_found().retry_after(), std::nullopt);
}

}  // namespace
}  // namespace minga
