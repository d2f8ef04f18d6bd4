#include <minga/request.hpp>

#include "http/media_type.hpp"
#include "http/request_impl.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

#include <array>
#include <stdexcept>

namespace minga {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

template <class T>
T run(Async<T> task) {
  boost::asio::io_context context;
  auto future = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.run();
  return future.get();
}

Request with_body(std::string type, std::string body) {
  return make_request(Method::post, "/", {{"Content-Type", std::move(type)}}, std::move(body));
}

std::string input_text(std::string type, std::string body) {
  auto request = with_body(std::move(type), std::move(body));
  return boost::json::serialize(run(request.input()));
}

int input_status(std::string type, std::string body) {
  try {
    input_text(std::move(type), std::move(body));
  } catch (Error const& error) {
    return error.status();
  }
  return 200;
}

TEST(Request, KnowsItsLine) {
  auto const request = make_request(Method::patch, "/a%20b?x=1&y=%C3%B1&x=2");
  EXPECT_EQ(request.method_name(), "PATCH");
  EXPECT_EQ(request.path(), "/a b");
  EXPECT_EQ(request.target(), "/a%20b?x=1&y=%C3%B1&x=2");
  EXPECT_EQ(request.query("x"), "1");
  EXPECT_EQ(request.query("y"), "\xC3\xB1");
  EXPECT_EQ(request.query("z"), std::nullopt);
  EXPECT_THAT(request.query_all(),
              ElementsAre(Pair("x", "1"), Pair("y", "\xC3\xB1"), Pair("x", "2")));
}

TEST(Request, RefusesAQueryThatIsNoText) {
  for (auto const* target : {"/?a=%zz", "/?a=%ff", "/?a=%00", "/?%00=a", "/?a=%"}) {
    auto const request = make_request(Method::get, target);
    EXPECT_THROW((void)request.query("a"), Error) << target;
  }
}

TEST(Request, FindsHeadersAndCookies) {
  auto const request =
      make_request(Method::get, "/", {{"X-Name", "value"}, {"Cookie", "a=1; b=2"}, {"Empty", ""}});
  EXPECT_EQ(request.header("x-name"), "value");
  EXPECT_EQ(request.header("absent"), "");
  EXPECT_TRUE(request.has_header("EMPTY"));
  EXPECT_FALSE(request.has_header("absent"));
  EXPECT_EQ(request.cookie("b"), "2");
  EXPECT_EQ(request.cookie("c"), std::nullopt);
}

TEST(Request, TellsPeoplesFormsFromPrograms) {
  auto const is_form = [](std::string type, std::string accept) {
    return make_request(Method::post, "/", {{"Content-Type", type}, {"Accept", accept}}).is_form();
  };
  EXPECT_TRUE(is_form("application/x-www-form-urlencoded", "text/html,*/*;q=0.8"));
  EXPECT_TRUE(is_form("Multipart/Form-Data; boundary=a", ""));
  EXPECT_FALSE(is_form("application/x-www-form-urlencoded", "application/json"));
  EXPECT_FALSE(is_form("application/json", "text/html"));
  EXPECT_FALSE(is_form("", ""));
}

TEST(MediaType, LeavesParametersOut) {
  auto const request = with_body(" application/json ; charset=utf-8", "");
  EXPECT_EQ(http::media_type(request), "application/json");
  EXPECT_EQ(http::media_type(make_request(Method::get, "/")), "");
}

TEST(RequestInput, ReadsEveryKindOfBody) {
  EXPECT_EQ(input_text("application/json", R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(input_text("application/json; charset=utf-8", R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(input_text("application/merge-patch+json", R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(input_text("", R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(input_text("application/x-www-form-urlencoded", "a=1&b=x+y"), R"({"a":1,"b":"x y"})");
  EXPECT_EQ(input_text("multipart/form-data; boundary=b",
                       "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n"
                       "--b\r\nContent-Disposition: form-data; name=f; filename=n\r\n\r\ny\r\n"
                       "--b\r\nContent-Disposition: form-data; name=\"@jsonPayload\"\r\n\r\n"
                       "{\"c\":true}\r\n--b--\r\n"),
            R"({"a":"x","c":true})");
}

TEST(RequestInput, TakesAnEmptyBodyForNoFields) {
  for (auto const* type :
       {"application/json", "application/x-www-form-urlencoded", "text/plain", "", "image/png"})
    EXPECT_EQ(input_text(type, ""), "{}") << type;
  EXPECT_EQ(input_text("application/json", " \r\n"), "{}");
  EXPECT_EQ(input_status("multipart/form-data; boundary=b", ""), 200);
}

TEST(RequestInput, RefusesWhatIsCompressed) {
  auto const status = [](std::string encoding, bool streamed) {
    auto request = make_request(
        Method::post, "/",
        {{"Content-Type", "application/json"}, {"Content-Encoding", std::move(encoding)}}, "{}");
    std::array<char, 8> buffer{};
    try {
      if (streamed) run(request.read_some(buffer));
      if (!streamed) run(request.input());
    } catch (Error const& error) {
      return error.status();
    }
    return 200;
  };
  for (auto const streamed : {false, true}) {
    EXPECT_EQ(status("gzip", streamed), 415);
    EXPECT_EQ(status("identity, br", streamed), 415);
    EXPECT_EQ(status("Identity", streamed), 200);
    EXPECT_EQ(status("", streamed), 200);
  }
}

TEST(RequestInput, RefusesWhatItCannotRead) {
  EXPECT_EQ(input_status("text/plain", "x"), 415);
  EXPECT_EQ(input_status("multipart/form-data", "x"), 415);
  EXPECT_EQ(input_status("multipart/mixed; boundary=b", "x"), 415);
  EXPECT_EQ(input_status("application/json", "[1]"), 400);
  EXPECT_EQ(input_status("application/json", "null"), 400);
  EXPECT_EQ(input_status("application/json", "{"), 400);
  EXPECT_EQ(input_status("application/x-www-form-urlencoded", "a=%zz"), 400);
  EXPECT_EQ(input_status("application/x-www-form-urlencoded", "a=%00"), 400);
  EXPECT_EQ(input_status("multipart/form-data; boundary=b", "--b\r\n"), 400);
}

TEST(RequestInput, AnswersTheSameTwice) {
  auto request = with_body("application/json", R"({"a":1})");
  EXPECT_EQ(run(request.input()), run(request.input()));
}

TEST(RequestInput, ReadsPartsOfABodyThatIsThereAsAWhole) {
  auto request = with_body("multipart/form-data; boundary=b",
                           "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--");
  EXPECT_GT(run(request.body()).size(), 0U);
  EXPECT_EQ(boost::json::serialize(run(request.input())), R"({"a":"x"})");
}

TEST(RequestBody, IsBounded) {
  auto short_enough = with_body("text/plain", std::string(1'000, 'x'));
  EXPECT_EQ(run(short_enough.body(1'000)).size(), 1'000U);
  auto too_long = with_body("text/plain", std::string(1'001, 'x'));
  EXPECT_THROW(run(too_long.body(1'000)), Error);
}

TEST(Response, RefusesHeadersThatWouldSplitIt) {
  using namespace std::string_literals;
  Response response(200);
  for (auto const& value : {"a\r\nX: b"s, "a\nb"s, "a\0b"s, "a\x7F"s, "a\rb"s})
    EXPECT_THROW(response.header("X-A", value), std::invalid_argument);
  for (auto const& name : {"X A"s, ""s, "X:"s, "X\r\nY"s, "\xC3\xB1"s})
    EXPECT_THROW(response.add_header(name, "a"), std::invalid_argument) << name;
  EXPECT_THROW(Response::redirect("/a\r\nSet-Cookie: b=c"), std::invalid_argument);
  EXPECT_THAT(response.headers(), IsEmpty());
}

TEST(Response, SetsAndAddsHeaders) {
  Response response(200);
  response.header("X-A", "1").header("x-a", "2").add_header("X-A", "3").etag("tag");
  EXPECT_THAT(response.headers(),
              ElementsAre(Pair("X-A", "2"), Pair("X-A", "3"), Pair("ETag", "\"tag\"")));
}

TEST(Response, CopiesNoBodyWhereSettersAreChainedToIt) {
  std::string body(1'000, 'x');
  auto const* const bytes = body.data();
  auto response = Response::text(std::move(body))
                      .status(201)
                      .header("X-A", "1")
                      .add_header("X-A", "2")
                      .cookie({.name = "a", .value = "b"})
                      .etag("tag")
                      .notice("done");
  EXPECT_EQ(std::get<std::string>(response.body()).data(), bytes);
}

}  // namespace
}  // namespace minga
