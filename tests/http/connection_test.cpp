/// The life of a connection: keep-alive, deadlines, slow clients, limits, the end of the server.
#include "http/test_server.hpp"
#include "support/http_client.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

namespace minga {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RawClient;
using testing::TestServer;

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

http::Settings with(void (*change)(http::Settings&)) {
  auto settings = TestServer::settings();
  change(settings);
  return settings;
}

TEST(Connection, IsKeptAsTheVersionHasIt) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/") + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get("/"));
  EXPECT_EQ(client.read_answer()->header("connection"), "");
  EXPECT_EQ(client.read_answer()->header("connection"), "close");
  EXPECT_EQ(client.read_answer(), std::nullopt);

  RawClient old(server.port());
  old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.read_answer()->header("connection"), "keep-alive");
  EXPECT_EQ(old.read_answer()->header("connection"), "close");
  EXPECT_THAT(old.read_all(), IsEmpty());
}

TEST(Connection, PassesOverEmptyLinesBetweenRequests) {
  TestServer server;
  RawClient client(server.port());
  client.send("\r");
  client.send("\n\r\n" + get("/") + "\r\n" + get("/") + "\r");
  EXPECT_EQ(client.read_answer()->status, 200);
  EXPECT_EQ(client.read_answer()->status, 200);
  client.send("\n" + get("/"));
  EXPECT_EQ(client.read_answer()->status, 200);
}

TEST(Connection, TellsAFaultNobodysBusiness) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/fault") + get("/"));
  auto const answer = client.read_answer();
  EXPECT_EQ(answer->status, 500);
  EXPECT_THAT(answer->body, HasSubstr(answer->header("x-request-id")));
  EXPECT_THAT(answer->body, Not(HasSubstr("secret")));
  EXPECT_EQ(client.read_answer()->status, 200);
}

TEST(Connection, StreamsInChunks) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/stream") + "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get("/"));
  auto const answer = client.read_answer();
  EXPECT_EQ(answer->header("transfer-encoding"), "chunked");
  EXPECT_EQ(answer->body, "one,two,three");
  EXPECT_TRUE(answer->whole);
  EXPECT_EQ(client.read_answer(true)->body, "");
  EXPECT_EQ(client.read_answer()->body, "/");
}

TEST(Connection, StreamsToTheEndOfAnOldConnection) {
  TestServer server;
  RawClient client(server.port());
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  auto const answer = client.read_answer();
  EXPECT_EQ(answer->header("transfer-encoding"), "");
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_EQ(answer->body, "one,two,three");
}

TEST(Connection, CutsAStreamShortThatFails) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/broken"));
  auto const answer = client.read_answer();
  EXPECT_EQ(answer->body, "one,two,");
  EXPECT_FALSE(answer->whole);
}

TEST(Connection, EndsAStreamWhoseClientHasGone) {
  TestServer server;
  {
    RawClient client(server.port());
    client.send(get("/endless"));
    EXPECT_THAT(client.read_some(), Not(IsEmpty()));
  }
  auto const begin = Clock::now();
  server.stop(20s);
  EXPECT_LT(Clock::now() - begin, 10s);
}

TEST(Deadline, AnswersForAHandlerThatTakesTooLong) {
  TestServer server(with([](http::Settings& settings) { settings.request_timeout = 500ms; }));
  for (auto const* path : {"/slow", "/stubborn"}) {
    RawClient client(server.port());
    client.send(get(path) + get("/"));
    auto const answer = client.read_answer();
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, 503) << path;
    EXPECT_EQ(answer->header("retry-after"), "1") << path;
    auto const next = client.read_answer();
    ASSERT_TRUE(next) << path;
    EXPECT_EQ(next->status, 200) << path;
    client.send(get("/fault"));
    EXPECT_EQ(client.read_answer()->status, 500) << path;
  }
}

TEST(Deadline, DoesNotDenyWhatWasDoneMeanwhile) {
  TestServer server(with([](http::Settings& settings) { settings.request_timeout = 300ms; }));
  RawClient client(server.port());
  client.send(get("/thorough") + get("/"));
  EXPECT_EQ(client.read_answer()->status, 200) << "503 would say that nothing was done";
  EXPECT_EQ(client.read_answer()->body, "/");
}

TEST(Deadline, AnswersAClientWhoseBodyTricklesIn) {
  TestServer server(with([](http::Settings& settings) { settings.request_timeout = 300ms; }));
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx");
  auto const answer = client.read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
}

TEST(Deadline, BeginsAnewWithEveryPieceOfTheBody) {
  TestServer server(with([](http::Settings& settings) { settings.request_timeout = 1s; }));
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  auto const begin = Clock::now();
  std::string sent;
  while (Clock::now() < begin + 2s) {
    client.send("1\r\nx\r\n");
    sent += 'x';
    std::this_thread::sleep_for(50ms);
  }
  client.send("0\r\n\r\n");
  auto const answer = client.read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, sent);
}

TEST(Deadline, LeavesStreamsAlone) {
  TestServer server(with([](http::Settings& settings) { settings.request_timeout = 100ms; }));
  RawClient client(server.port());
  client.send(get("/endless"));
  auto const until = Clock::now() + 600ms;
  while (Clock::now() < until) ASSERT_THAT(client.read_some(), Not(IsEmpty()));
}

TEST(SlowClient, IsCutWhenItTakesNothing) {
  TestServer server(with([](http::Settings& settings) { settings.write_timeout = 300ms; }));
  RawClient client(server.port(), 4'096);
  client.send(get("/big"));
  // The connection ends while most of the answer is still to be sent.
  server.stop(20s);
  EXPECT_LT(client.read_all().size(), 16U << 20);
}

TEST(SlowClient, IsServedWhileItTakesSomething) {
  TestServer server(with([](http::Settings& settings) { settings.write_timeout = 1'000ms; }));
  RawClient client(server.port(), 64 * 1024);
  client.send(get("/big"));
  // Evenly over three times as long as a silence may last.
  std::size_t received = 0;
  auto const begin = Clock::now();
  while (received < (16U << 20)) {
    auto const bytes = client.read_some();
    ASSERT_THAT(bytes, Not(IsEmpty())) << received;
    received += bytes.size();
    auto const due = begin + 3'000ms * (received >> 10) / (16 << 10);
    std::this_thread::sleep_until(due);
  }
}

TEST(SlowClient, IsCutWhenItsHeadDoesNotEnd) {
  TestServer server(with([](http::Settings& settings) { settings.header_timeout = 300ms; }));
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\n");
  auto const begin = Clock::now();
  // A byte now and then does not help.
  while (client.send("x") && Clock::now() < begin + 5s) std::this_thread::sleep_for(20ms);
  EXPECT_LT(Clock::now() - begin, 5s);
}

TEST(Limits, RefusesMoreConnectionsThanItTakes) {
  TestServer server(with([](http::Settings& settings) { settings.max_connections = 2; }));
  {
    RawClient first(server.port());
    RawClient second(server.port());
    for (auto* client : {&first, &second}) {
      client->send(get("/"));
      EXPECT_EQ(client->read_answer()->status, 200);
    }
    RawClient third(server.port());
    auto const answer = third.read_answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 503);
    EXPECT_EQ(answer->header("retry-after"), "1");
    EXPECT_EQ(third.read_answer(), std::nullopt);
  }
  auto const served = [&] {
    RawClient client(server.port());
    client.send(get("/"));
    auto const answer = client.read_answer();
    return answer && answer->status == 200;
  };
  auto const until = Clock::now() + 5s;
  while (!served() && Clock::now() < until) {
  }
  EXPECT_TRUE(served());
}

TEST(Drain, EndsIdleConnectionsAndStreamsAndFinishesWhatRuns) {
  TestServer server;
  RawClient idle(server.port());
  idle.send(get("/"));
  EXPECT_EQ(idle.read_answer()->status, 200);
  RawClient untouched(server.port());
  RawClient stream(server.port());
  stream.send(get("/endless"));
  EXPECT_THAT(stream.read_some(), Not(IsEmpty()));
  RawClient half(server.port());
  half.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(half.read_answer()->status, 100);

  auto stopped = std::async(std::launch::async, [&] { server.stop(10s); });
  EXPECT_THAT(idle.read_all(), IsEmpty());
  EXPECT_THAT(untouched.read_all(), IsEmpty());
  EXPECT_THAT(stream.read_all(), EndsWith("3\r\nend\r\n0\r\n\r\n"));
  half.send("hello" + get("/"));
  auto const answer = half.read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "hello");
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_EQ(half.read_answer(), std::nullopt);
  stopped.get();
  EXPECT_THROW(RawClient(server.port()), std::system_error);
}

TEST(Drain, AnswersWhatDoesNotEndInTime) {
  TestServer server;
  RawClient slow(server.port());
  slow.send(get("/slow"));
  RawClient half(server.port());
  half.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(half.read_answer()->status, 100);
  auto const until = Clock::now() + 5s;
  while (server.seen().requests < 2 && Clock::now() < until) std::this_thread::yield();
  server.stop(100ms);
  EXPECT_EQ(slow.read_answer()->status, 503);
  EXPECT_EQ(half.read_answer()->status, 503);
}

TEST(Drain, CutsWhoHasNotAskedInTime) {
  TestServer server;
  RawClient half(server.port());
  half.send("GET / HTTP/1.1\r\nHost:");
  server.stop(100ms);
  EXPECT_EQ(half.read_answer(), std::nullopt);
}

}  // namespace
}  // namespace minga
