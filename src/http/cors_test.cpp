#include "http/cors.hpp"

#include "http/request_impl.hpp"

#include <gmock/gmock.h>

namespace minga::http {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Response answer_to(std::vector<std::string> origins, char const* origin) {
  Settings settings;
  settings.cors_origins = std::move(origins);
  std::vector<Request::Pair> headers;
  if (origin != nullptr) headers.emplace_back("Origin", origin);
  auto const request = make_request(Method::get, "/", headers);
  Response response(200);
  add_cors(settings, request, response);
  return response;
}

TEST(Cors, LetsEveryoneReadByDefault) {
  auto const response = answer_to({"*"}, "https://a.example");
  EXPECT_EQ(response.header("Access-Control-Allow-Origin"), "*");
  EXPECT_THAT(std::string(response.header("Access-Control-Expose-Headers")),
              HasSubstr("Minga-Position"));
  EXPECT_THAT(response.header("Vary"), IsEmpty());
  EXPECT_THAT(response.header("Access-Control-Allow-Credentials"), IsEmpty());
}

TEST(Cors, NamesTheOriginThatIsListed) {
  auto const response = answer_to({"https://a.example", "https://b.example"}, "https://b.example");
  EXPECT_EQ(response.header("Access-Control-Allow-Origin"), "https://b.example");
  EXPECT_EQ(response.header("Vary"), "Origin");
  auto const other = answer_to({"https://a.example"}, "https://a.example.evil");
  EXPECT_THAT(other.header("Access-Control-Allow-Origin"), IsEmpty());
  EXPECT_EQ(other.header("Vary"), "Origin");
}

TEST(Cors, MakesAnswersWithoutOriginSafeToCache) {
  EXPECT_EQ(answer_to({"*"}, nullptr).header("Access-Control-Allow-Origin"), "*");
  auto const listed = answer_to({"https://a.example"}, nullptr);
  EXPECT_EQ(listed.header("Vary"), "Origin");
  EXPECT_THAT(listed.header("Access-Control-Allow-Origin"), IsEmpty());
}

TEST(Cors, SaysNothingWhenSwitchedOff) {
  EXPECT_THAT(answer_to({}, "https://a.example").headers(), IsEmpty());
}

TEST(AnswerOptions, EchoesTheHeadersAskedFor) {
  auto const request = make_request(Method::options, "/",
                                    {{"Access-Control-Request-Headers", "authorization,x-custom"}});
  auto const response = answer_options(request);
  EXPECT_EQ(response.status(), 204);
  EXPECT_EQ(response.header("Access-Control-Allow-Methods"), "GET,HEAD,PUT,PATCH,POST,DELETE");
  EXPECT_EQ(response.header("Access-Control-Allow-Headers"), "authorization,x-custom");
}

}  // namespace
}  // namespace minga::http
