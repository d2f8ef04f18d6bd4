#include "http/client.hpp"

#include <minga/error.hpp>

#include "support/canned_answers.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minga::http {
namespace {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing_support::CannedAnswers;

ClientResponse send(ClientRequest request, Clock::duration patience = 10s) {
  Client const client;
  boost::asio::io_context context;
  auto answer = boost::asio::co_spawn(
      context, client.send(std::move(request), Clock::now() + patience), boost::asio::use_future);
  context.run();
  return answer.get();
}

ClientRequest to(std::uint16_t port) {
  ClientRequest request;
  request.host = "127.0.0.1";
  request.port = port;
  request.target = "/state?x=1";
  return request;
}

TEST(Client, SendsAndReads) {
  CannedAnswers server({"HTTP/1.1 418 Teapot\r\nContent-Length: 5\r\n\r\nshort"});
  auto request = to(server.port());
  request.method = "PATCH";
  request.body = "{}";
  auto const response = send(request);
  EXPECT_EQ(response.status, 418);
  EXPECT_EQ(response.body, "short");
  auto const sent = server.requests();
  EXPECT_THAT(sent, testing::StartsWith("PATCH /state?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(sent, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(sent, HasSubstr("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
}

TEST(Client, ReadsABodyThatEndsWithTheConnection) {
  CannedAnswers server({"HTTP/1.0 200 OK\r\n\r\nuntil the end"});
  EXPECT_EQ(send(to(server.port())).body, "until the end");
}

TEST(Client, SaysWhoDoesNotAnswer) {
  std::uint16_t port = 0;
  {
    boost::asio::io_context context;
    tcp::acceptor const taken(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    port = taken.local_endpoint().port();
  }
  try {
    send(to(port));
    FAIL() << "nobody listens there";
  } catch (Error const& error) {
    EXPECT_EQ(error.status(), 503);
    EXPECT_THAT(error.message(), HasSubstr("127.0.0.1:" + std::to_string(port)));
    EXPECT_THAT(error.message(), HasSubstr("refused"));
  }
}

TEST(Client, GivesUpAtTheDeadline) {
  CannedAnswers server({""});
  EXPECT_THROW(send(to(server.port()), 50ms), Error);
}

TEST(Client, RefusesABodyWithoutBound) {
  CannedAnswers server({"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"});
  EXPECT_THROW(send(to(server.port())), Error);
}

}  // namespace
}  // namespace minga::http
