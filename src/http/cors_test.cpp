#include "http/cors.hpp"

#include "http/request_impl.hpp"

#include <gmock/gmock.h>

namespace minga::http {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// The lines that are added for an origin.
std::string answer_to(std::vector<std::string> origins, char const* origin) {
  Settings settings;
  settings.cors_origins = std::move(origins);
  std::vector<Request::Pair> headers;
  if (origin != nullptr) headers.emplace_back("Origin", origin);
  auto const request = make_request(Method::get, "/", headers);
  std::string head;
  add_cors(settings, request, head);
  return head;
}

TEST(Cors, LetsEveryoneReadByDefault) {
  auto const lines = answer_to({"*"}, "https://a.example");
  EXPECT_THAT(lines, StartsWith("Access-Control-Allow-Origin: *\r\n"));
  EXPECT_THAT(lines, ContainsRegex("Access-Control-Expose-Headers: .*Minga-Position.*\r\n"));
  EXPECT_THAT(lines, Not(HasSubstr("Vary")));
  EXPECT_THAT(lines, Not(HasSubstr("Access-Control-Allow-Credentials")));
}

TEST(Cors, NamesTheOriginThatIsListed) {
  auto const lines = answer_to({"https://a.example", "https://b.example"}, "https://b.example");
  EXPECT_THAT(lines, HasSubstr("Access-Control-Allow-Origin: https://b.example\r\n"));
  EXPECT_THAT(lines, HasSubstr("Vary: Origin\r\n"));
  EXPECT_EQ(answer_to({"https://a.example"}, "https://a.example.evil"), "Vary: Origin\r\n");
}

TEST(Cors, MakesAnswersWithoutOriginSafeToCache) {
  EXPECT_EQ(answer_to({"*"}, nullptr), "Access-Control-Allow-Origin: *\r\n");
  EXPECT_EQ(answer_to({"https://a.example"}, nullptr), "Vary: Origin\r\n");
}

TEST(Cors, SaysNothingWhenSwitchedOff) {
  EXPECT_THAT(answer_to({}, "https://a.example"), IsEmpty());
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
