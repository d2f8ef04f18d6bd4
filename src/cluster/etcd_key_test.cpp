#include "cluster/etcd_key.hpp"

#include <minga/error.hpp>

#include "support/canned_answers.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing_support::CannedAnswers;

std::string answer(int status, std::string const& body) {
  return fmt::format("HTTP/1.1 {} Said\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

/// What etcd says while it has no leader.
std::string leaderless() {
  return answer(500, R"({"errorCode":300,"message":"Raft Internal Error",)"
                     R"("cause":"etcdserver: request timed out"})");
}

EtcdKey::Value get(std::uint16_t port) {
  http::Client const client;
  EtcdKey const key(client, {{"127.0.0.1", port}}, "main", "config");
  boost::asio::io_context context;
  auto value = boost::asio::co_spawn(context, key.get(Clock::now() + 20s), boost::asio::use_future);
  context.run();
  return value.get();
}

TEST(EtcdKey, AsksAgainWhileThereIsNoLeader) {
  CannedAnswers etcd(
      {leaderless(), leaderless(), answer(200, R"({"node":{"value":"kept","modifiedIndex":7}})")});
  auto const value = get(etcd.port());
  EXPECT_EQ(value.text, "kept");
  EXPECT_EQ(value.index, 7U);
  EXPECT_THAT(etcd.requests(), HasSubstr("GET /v2/keys/minga/main/config?quorum=true"));
}

TEST(EtcdKey, SaysWhyEtcdRefuses) {
  CannedAnswers etcd({answer(401, R"({"errorCode":110,"cause":"Insufficient credentials"})")});
  try {
    get(etcd.port());
    FAIL() << "it was not refused";
  } catch (Error const& error) {
    EXPECT_EQ(error.status(), 503);
    EXPECT_THAT(error.message(), HasSubstr("with status 401: Insufficient credentials"));
  }
}

TEST(EtcdKey, IsEmptyWhereThereIsNone) {
  CannedAnswers etcd({answer(404, R"({"errorCode":100,"index":9})")});
  auto const value = get(etcd.port());
  EXPECT_EQ(value.text, "");
  EXPECT_EQ(value.index, 9U);
}

}  // namespace
}  // namespace minga::cluster
