#include "http/head.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <string>

namespace minga::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Header = boost::beast::http::request_header<>;

TEST(IsStrictHead, RefusesWhatParsersReadDifferently) {
  EXPECT_TRUE(is_strict_head("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(is_strict_head("GET / HTTP/1.1\r\nHost: a\r\nX: a\tb c\r\n\r\n"));
  using namespace std::string_view_literals;
  for (auto const head :
       {"GET / HTTP/1.1\nHost: a\r\n\r\n"sv, "GET / HTTP/1.1\r\nX: a\n\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n"sv, "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n"sv, "GET / HTTP/1.1\r\n X: a\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n"sv, "GET / HTTP/1.1\r\nX: a\r\r\n\r\n"sv, "a\r"sv,
        "\n"sv}) {
    EXPECT_FALSE(is_strict_head(head)) << head;
  }
}

class FillRequestTest : public testing::Test {
 protected:
  FillRequestTest() {
    head.version(11);
    head.method_string("GET");
    head.target("/");
    head.insert("Host", "example.org");
  }

  Request::Impl fill() {
    Request::Impl impl;
    fill_request(impl, head, settings, "192.0.2.1", false);
    return impl;
  }
  int status() {
    try {
      fill();
    } catch (Error const& error) {
      return error.status();
    }
    return 200;
  }

  Header head;
  Settings settings;
};

TEST_F(FillRequestTest, JoinsRepeatedHeadersInOrder) {
  head.insert("X-A", "1");
  head.insert("Cookie", "a=1");
  head.insert("X-B", "2");
  head.insert("x-a", "3");
  head.insert("cookie", "b=2");
  EXPECT_THAT(fill().headers, ElementsAre(Pair("Host", "example.org"), Pair("X-A", "1, 3"),
                                          Pair("Cookie", "a=1; b=2"), Pair("X-B", "2")));
}

TEST_F(FillRequestTest, ReadsEveryFormOfTarget) {
  struct Case {
    char const* target;
    char const* read;
  };
  for (auto const& [target, read] : {
           Case{"/a?b=c", "/a?b=c"},
           Case{"http://example.org/a?b", "/a?b"},
           Case{"https://example.org", "/"},
           Case{"HTTP://example.org/a", "/a"},
           Case{"http://example.org?a=b", "/?a=b"},
       }) {
    head.target(target);
    EXPECT_EQ(fill().target, read) << target;
  }
  for (auto const* target :
       {"a", "*", "ftp://example.org/", "example.org:80", "?a", "/%ff", "/%00", "/%zz"}) {
    head.target(target);
    EXPECT_EQ(status(), 400) << target;
  }
  head.method_string("OPTIONS");
  head.target("*");
  EXPECT_EQ(fill().target, "/");
}

TEST_F(FillRequestTest, BoundsTheTarget) {
  settings.max_target_bytes = 10;
  head.target("/123456789");
  EXPECT_EQ(status(), 200);
  head.target("/1234567890");
  EXPECT_EQ(status(), 414);
}

TEST_F(FillRequestTest, AsksForOneWellFormedHost) {
  for (auto const* host : {"a b", "a/b", "a@b", "a\\b", "a,b<", "a\"b", "\xC3\xB1"}) {
    head.set("Host", host);
    EXPECT_EQ(status(), 400) << host;
  }
  for (auto const* host : {"example.org", "example.org:8090", "[::1]:80", "192.0.2.1", ""}) {
    head.set("Host", host);
    EXPECT_EQ(status(), 200) << host;
  }
  head.insert("Host", "other");
  EXPECT_EQ(status(), 400);
  head.erase("Host");
  EXPECT_EQ(status(), 400);
  head.version(10);
  EXPECT_EQ(status(), 200);
}

TEST_F(FillRequestTest, KnowsNoCodingButChunked) {
  for (auto const* coding : {"identity", "gzip, chunked", "chunked, chunked", "xchunked",
                             "chunked;", "", "\"chunked\""}) {
    head.set("Transfer-Encoding", coding);
    EXPECT_EQ(status(), 400) << coding;
  }
  head.set("Transfer-Encoding", "Chunked");
  EXPECT_EQ(status(), 200);
  head.version(10);
  EXPECT_EQ(status(), 400);
  head.version(11);
  head.insert("Transfer-Encoding", "chunked");
  EXPECT_EQ(status(), 400);
}

TEST_F(FillRequestTest, TakesOverAWellFormedId) {
  EXPECT_GE(fill().id.size(), 8U);
  head.set("X-Request-Id", "given-id_1");
  EXPECT_EQ(fill().id, "given-id_1");
  head.set("X-Request-Id", "short");
  EXPECT_NE(fill().id, "short");
}

std::string address(std::string forwarded, std::vector<std::string> trusted) {
  Settings settings;
  settings.trusted_proxies = std::move(trusted);
  auto const request = make_request(Method::get, "/", {{"X-Forwarded-For", std::move(forwarded)}});
  return client_address(request, settings, "10.0.0.1");
}

TEST(ClientAddress, BelievesTrustedProxiesAlone) {
  EXPECT_EQ(address("1.1.1.1", {}), "10.0.0.1");
  EXPECT_EQ(address("1.1.1.1", {"10.0.0.2"}), "10.0.0.1");
  EXPECT_EQ(address("1.1.1.1", {"10.0.0.1"}), "1.1.1.1");
  EXPECT_EQ(address("6.6.6.6, 1.1.1.1", {"10.0.0.1"}), "1.1.1.1");
  EXPECT_EQ(address("6.6.6.6,1.1.1.1 , 10.0.0.2", {"10.0.0.1", "10.0.0.2"}), "1.1.1.1");
  EXPECT_EQ(address("", {"10.0.0.1"}), "10.0.0.1");
  EXPECT_EQ(address("10.0.0.2", {"10.0.0.1", "10.0.0.2"}), "10.0.0.1");
  EXPECT_EQ(address("::1", {"10.0.0.1"}), "::1");
  EXPECT_EQ(address("1.1.1.1, \",\"admin\":\"", {"10.0.0.1"}), "10.0.0.1");
}

TEST(FormatHttpDate, WritesImfFixdate) {
  EXPECT_EQ(format_http_date(std::chrono::system_clock::from_time_t(784'111'777)),
            "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(FormatHead, SaysHowTheConnectionGoesOn) {
  Response const response(204);
  EXPECT_THAT(format_head(response, 11, true, ""),
              testing::StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(format_head(response, 11, true, ""), testing::Not(HasSubstr("Connection:")));
  EXPECT_THAT(format_head(response, 11, false, ""), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(format_head(response, 10, true, ""), HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(format_head(response, 11, true, "A: b\r\n"), testing::EndsWith("A: b\r\n\r\n"));
}

TEST(ErrorResponse, CarriesTheEnvelope) {
  auto const faults = error_response(Error::unavailable("Full."), "the-id-1");
  EXPECT_EQ(faults.status(), 503);
  EXPECT_EQ(faults.header("Retry-After"), "1");
  EXPECT_THAT(std::get<std::string>(faults.body()), HasSubstr(R"("requestId":"the-id-1")"));
  auto const expected = error_response(Error::not_found(), "the-id-1");
  EXPECT_EQ(expected.status(), 404);
  EXPECT_THAT(std::get<std::string>(expected.body()), testing::Not(HasSubstr("the-id-1")));
}

}  // namespace
}  // namespace minga::http
