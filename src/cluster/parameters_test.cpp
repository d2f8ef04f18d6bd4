#include "cluster/parameters.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

#include <stdexcept>

namespace minga::cluster {
namespace {

using testing::HasSubstr;

using Parameters = std::map<std::string, std::string>;

/// What is said against them; empty: nothing.
std::string refusal_of(Parameters parameters, ReplicaPrograms programs = {}) {
  boost::asio::io_context context(1);
  auto outcome =
      boost::asio::co_spawn(context, check_parameters(std::move(parameters), std::move(programs)),
                            boost::asio::use_future);
  context.run();
  try {
    outcome.get();
  } catch (std::invalid_argument const& error) {
    return error.what();
  }
  return {};
}

TEST(CheckParameters, TakesWhatPostgresqlTakes) {
  EXPECT_EQ(refusal_of({{"work_mem", "16MB"},
                        {"max_connections", "300"},
                        {"log_statement", "ddl"},
                        {"search_path", ""},
                        {"pg_stat_statements.max", "500"}}),
            "");
  EXPECT_EQ(refusal_of({}), "");
}

TEST(CheckParameters, SaysWhatPostgresqlSays) {
  EXPECT_EQ(refusal_of({{"max_connections", "banana"}}),
            "max_connections=banana: invalid value for parameter \"max_connections\": \"banana\"");
  EXPECT_EQ(refusal_of({{"work_mem", "16MB"}, {"wrok_mem", "16MB"}}),
            "wrok_mem=16MB: unrecognized configuration parameter \"wrok_mem\"");
  EXPECT_THAT(refusal_of({{"shared_buffers", "1PB"}}), HasSubstr("Valid units"));
  EXPECT_THAT(refusal_of({{"max_connections", "-1"}}), HasSubstr("outside the valid range"));
  EXPECT_THAT(refusal_of({{"log_statement", "some"}}), HasSubstr("none, ddl, mod, all"));
}

TEST(CheckParameters, RefusesWhatIsNoName) {
  EXPECT_THAT(refusal_of({{"a b", "1"}}), HasSubstr("'a b' is no name"));
  EXPECT_THAT(refusal_of({{"", "1"}}), HasSubstr("is no name"));
}

TEST(CheckParameters, AsksNobodyWherePostgresqlIsNotInstalled) {
  ReplicaPrograms programs;
  programs.postgres = "/nowhere";
  EXPECT_EQ(refusal_of({{"max_connections", "banana"}}, programs), "");
}

}  // namespace
}  // namespace minga::cluster
