/// What comes over the wire and how it is told apart: bodies, limits, the shapes of request
/// smuggling.
#include "http/test_server.hpp"
#include "support/http_client.hpp"

#include <gmock/gmock.h>

#include <string>

namespace minga {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using testing::TestServer;

std::string const kPost = "POST /echo HTTP/1.1\r\nHost: a\r\n";
std::string const kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";
std::string const kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
std::string const kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

class FramingTest : public ::testing::Test {
 protected:
  TestServer server;
};

TEST_F(FramingTest, ReadsAChunkedBody) {
  RawClient client(server.port());
  client.send(kChunked +
              "5\r\nhello\r\n0006;name=value;q=\"a b\"\r\n world\r\nA\r\n, so large\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_answer()->body, "hello world, so large");
}

TEST_F(FramingTest, ReadsRequestsThatComeByteByByte) {
  RawClient client(server.port());
  auto const bytes = "\r\n" + kChunked + "5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n\r\n" + kPost +
                     "Content-Length: 3\r\n\r\nabc" + kGet;
  for (auto const byte : bytes) client.send({&byte, 1});
  EXPECT_EQ(client.read_answer()->body, "hello");
  EXPECT_EQ(client.read_answer()->body, "abc");
  EXPECT_EQ(client.read_answer()->body, "/");
}

TEST_F(FramingTest, ADroppedTrailerChangesNothing) {
  RawClient client(server.port());
  client.send(
      "POST /headers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1\r\nx\r\n0\r\nX-Trailer: late\r\nX-Other: y\r\n\r\n" +
      kGet);
  EXPECT_THAT(client.read_answer()->body, Not(HasSubstr("late")));
  EXPECT_EQ(client.read_answer()->body, "/");
}

TEST_F(FramingTest, AnswersPipelinedRequestsInOrder) {
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    auto const text = std::to_string(i);
    requests += kPost + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
    requests += "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nGET / H";
    requests += "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  client.send(requests);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(client.read_answer()->body, std::to_string(i));
    EXPECT_EQ(client.read_answer()->body, "ignored");
    EXPECT_EQ(client.read_answer(true)->header("content-length"), std::to_string(16 << 20));
  }
}

/// Every shape is followed by a request that an intermediary would take for a part of the first.
TEST_F(FramingTest, RefusesWhatIntermediariesReadOtherwise) {
  std::string const length = "Content-Length: 5\r\n";
  std::string const coding = "Transfer-Encoding: chunked\r\n";
  using namespace std::string_literals;
  for (auto const& shape : {
           kPost + length + coding + "\r\n0\r\n\r\n",
           kPost + coding + length + "\r\n0\r\n\r\n",
           kPost + length + length + "\r\nhello",
           kPost + "Content-Length: 5, 5\r\n\r\nhello",
           kPost + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
           kPost + "Content-Length: 5 \x0b\r\n\r\nhello",
           kPost + "Content-Length: 0x5\r\n\r\nhello",
           kPost + "Content-Length: +5\r\n\r\nhello",
           kPost + "Content-Length: -5\r\n\r\nhello",
           kPost + "Content-Length: 5e0\r\n\r\nhello",
           kPost + "Content-Length: \r\n\r\nhello",
           kPost + "Content-Length: 18446744073709551621\r\n\r\nhello",
           kPost + "Content-Length : 5\r\n\r\nhello",
           kPost + " Content-Length: 5\r\n\r\nhello",
           kPost + "X: y\r\n Content-Length: 5\r\n\r\nhello",
           kPost + "Content\0-Length: 5\r\n\r\nhello"s,
           kPost + "X: a\0b\r\n\r\n"s,
           kPost + "X: a\x01\r\n\r\n",
           kPost + "X: a\x7f\r\n\r\n",
           kPost + "X\x80: a\r\n\r\n",
           kPost + "X(a): a\r\n\r\n",
           kPost + ": a\r\n\r\n",
           kPost + "no colon\r\n\r\n",
           kPost + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
           kPost + "Transfer-Encoding: \x0b"
                   "chunked\r\n\r\n0\r\n\r\n",
           kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
           kPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
           kPost + "Transfer-Encoding: identity\r\n\r\n",
           kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
           kPost + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
           "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
           "GET / HTTP/1.1\nHost: a\n\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"s,
           "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"s,
           "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET / HTTP/1.1\r\n\r\n"s,
           "GET / HTTP/1.2.3\r\nHost: a\r\n\r\n"s,
           "GET / http/1.1\r\nHost: a\r\n\r\n"s,
           "GET /\r\nHost: a\r\n\r\n"s,
           "G\xC3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET a HTTP/1.1\r\nHost: a\r\n\r\n"s,
       }) {
    RawClient client(server.port());
    client.send(shape + kSmuggled);
    client.end_sending();
    auto const received = client.read_all();
    EXPECT_THAT(received, ::testing::StartsWith("HTTP/1.1 4")) << shape;
    EXPECT_EQ(received.find("HTTP/1.1 ", 1), std::string::npos) << shape << received;
  }
  EXPECT_EQ(server.seen().requests, 0);
}

/// A body whose framing breaks: whatever was answered, nothing behind it is taken for a request.
TEST_F(FramingTest, RefusesBrokenChunks) {
  using namespace std::string_literals;
  for (auto const& body : {
           "5\r\nhello0\r\n\r\n"s,            // no line end behind the chunk
           "5\r\nhelloXX0\r\n\r\n"s,          //
           "5\nhello\r\n0\r\n\r\n"s,          // bare LF behind the size
           "5\r\nhello\n0\r\n\r\n"s,          // behind the chunk
           "5\r\nhello\r\n0\n\r\n"s,          // behind the last size
           "5\r\nhello\r\n0\r\nX: y\n\r\n"s,  // in the trailer
           "5;a\nb\r\nhello\r\n0\r\n\r\n"s,   // in an extension
           "5;a\rb\r\nhello\r\n0\r\n\r\n"s,
           "5;\0\r\nhello\r\n0\r\n\r\n"s,
           "0x5\r\nhello\r\n0\r\n\r\n"s,
           "+5\r\nhello\r\n0\r\n\r\n"s,
           "-5\r\nhello\r\n0\r\n\r\n"s,
           " 5\r\nhello\r\n0\r\n\r\n"s,
           "\r\nhello\r\n0\r\n\r\n"s,
           ";a\r\nhello\r\n0\r\n\r\n"s,
           "g\r\nhello\r\n0\r\n\r\n"s,
           "5 5\r\nhello\r\n0\r\n\r\n"s,
           "10000000000000005\r\nhello\r\n0\r\n\r\n"s,
           "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"s,
           "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"s,
           "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"s,
           "5\r\nhello\r\n0\r\nX : y\r\n\r\n"s,
           "5\r\nhello\r\n0\r\nno colon\r\n\r\n"s,
           "5\r\nhello\r\n0\r\nX: y\r\n folded\r\n\r\n"s,
           "5\r\nhello\r\n0\r\nX:\r\n\tfolded\r\nY: z\r\n\r\n"s,
           "0\r\nX: y\r\n folded\r\n\r\n"s,
       }) {
    for (auto const* path : {"/echo", "/ignore"}) {
      RawClient client(server.port());
      client.send("POST " + std::string(path) +
                  " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + kSmuggled);
      client.end_sending();
      auto const received = client.read_all();
      EXPECT_THAT(received, ::testing::StartsWith(path == std::string("/echo") ? "HTTP/1.1 400"
                                                                               : "HTTP/1.1 200"))
          << path << " " << body;
      EXPECT_EQ(received.find("HTTP/1.1 ", 1), std::string::npos) << path << " " << body;
    }
  }
  EXPECT_EQ(server.seen().smuggled, 0);
}

TEST_F(FramingTest, RefusesBodiesThatAreCutShort) {
  for (auto const& request :
       {kPost + "Content-Length: 10\r\n\r\nhello", kChunked + "5\r\nhel",
        kChunked + "5\r\nhello\r\n", kChunked + "5\r\nhello\r\n0\r\n", kChunked, kChunked + "5"}) {
    RawClient client(server.port());
    client.send(request);
    client.end_sending();
    auto const answer = client.read_answer();
    ASSERT_TRUE(answer) << request;
    EXPECT_EQ(answer->status, 400) << request;
    EXPECT_EQ(client.read_answer(), std::nullopt) << request;
  }
}

TEST_F(FramingTest, PassesOverAHeadThatIsCutShort) {
  auto const head = kPost + "Content-Length: 0\r\n\r";
  for (std::size_t size = 0; size <= head.size(); ++size) {
    RawClient client(server.port());
    client.send(head.substr(0, size));
    client.end_sending();
    EXPECT_EQ(client.read_all(), "") << size;
  }
  EXPECT_EQ(server.seen().requests, 0);
}

TEST_F(FramingTest, DropsABodyThatNobodyReads) {
  RawClient client(server.port());
  client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" +
              std::string(100'000, 'x') + kGet);
  EXPECT_EQ(client.read_answer()->body, "ignored");
  EXPECT_EQ(client.read_answer()->body, "/");
}

TEST_F(FramingTest, EndsTheConnectionRatherThanReadALongBodyForNothing) {
  RawClient client(server.port());
  client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n");
  auto const answer = client.read_answer();
  EXPECT_EQ(answer->body, "ignored");
  EXPECT_EQ(answer->header("connection"), "close");
  auto const piece = std::string(1 << 20, 'x');
  auto taken = 0;
  while (taken < 1'000 && client.send(piece)) ++taken;
  EXPECT_LT(taken, 1'000) << "MiB";
}

TEST_F(FramingTest, AnswersAClientThatSendsAllBeforeItReads) {
  RawClient client(server.port());
  constexpr std::size_t kLength = 33 << 20;  // past the bound of a body
  EXPECT_TRUE(client.send(kPost + "Content-Length: " + std::to_string(kLength) + "\r\n\r\n" +
                          std::string(kLength, 'x')));
  EXPECT_EQ(client.read_answer()->status, 413);
}

TEST_F(FramingTest, AsksForTheBodyWhenItIsWanted) {
  RawClient client(server.port());
  client.send(kPost + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_answer()->status, 100);
  client.send("hello");
  EXPECT_EQ(client.read_answer()->body, "hello");

  // Not wanted: the answer comes at once, and the connection cannot go on.
  client.send(
      "POST /ignore HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  auto const answer = client.read_answer();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->header("connection"), "close");

  // RFC 9110 section 10.1.1: HTTP/1.0 knows no interim answers.
  RawClient old(server.port());
  old.send("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(old.read_answer()->status, 200);
}

class LimitsTest : public ::testing::Test {
 protected:
  LimitsTest() : server(settings()) {}
  static http::Settings settings() {
    auto settings = TestServer::settings();
    settings.max_header_bytes = 2'000;
    settings.max_target_bytes = 500;
    settings.max_body_bytes = 100'000;
    return settings;
  }
  int status(std::string const& request) {
    RawClient client(server.port());
    client.send(request);
    auto const answer = client.read_answer();
    return answer ? answer->status : 0;
  }
  TestServer server;
};

std::string request_with_head_of(std::size_t size) {
  std::string const head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  return head + std::string(size - head.size() - 4, 'x') + "\r\n\r\n";
}

TEST_F(LimitsTest, BoundsTheHead) {
  EXPECT_EQ(status(request_with_head_of(2'000)), 200);
  EXPECT_EQ(status(request_with_head_of(2'001)), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n" + std::string(5'000, 'x')), 431);
}

TEST_F(LimitsTest, BoundsTheTarget) {
  EXPECT_EQ(status("GET /?" + std::string(498, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
  EXPECT_EQ(status("GET /?" + std::string(499, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
}

TEST_F(LimitsTest, BoundsTheBody) {
  auto const length = [](std::size_t size) {
    return kPost + "Content-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'x');
  };
  auto const chunks = [](std::size_t size) {
    std::string body = kChunked;
    for (std::size_t i = 0; i < size / 1'000; ++i)
      body += "3e8\r\n" + std::string(1'000, 'x') + "\r\n";
    return body + "0\r\n\r\n";
  };
  EXPECT_EQ(status(length(100'000)), 200);
  EXPECT_EQ(status(length(100'001)), 413);
  EXPECT_EQ(status(chunks(100'000)), 200);
  EXPECT_EQ(status(chunks(101'000)), 413);
}

TEST_F(LimitsTest, RefusesABodyByItsAnnouncedLengthBeforeItComes) {
  EXPECT_EQ(status(kPost + "Content-Length: 9000000000000000000\r\n\r\n"), 413);
  EXPECT_EQ(status(kPost + "Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n"), 413);
}

}  // namespace
}  // namespace minga
