#include "http/redirect.hpp"

#include "http/request_impl.hpp"

#include <gtest/gtest.h>

namespace minga::http {
namespace {

Response redirect(Method method, std::string host, std::uint16_t port) {
  return redirect_to_https(make_request(method, "/a?b=c", {{"Host", std::move(host)}}), port);
}

TEST(RedirectToHttps, NamesTheSamePlace) {
  EXPECT_EQ(redirect(Method::get, "example.org", 443).header("Location"),
            "https://example.org/a?b=c");
  EXPECT_EQ(redirect(Method::get, "example.org:80", 8'443).header("Location"),
            "https://example.org:8443/a?b=c");
  EXPECT_EQ(redirect(Method::get, "[::1]", 443).header("Location"), "https://[::1]/a?b=c");
  EXPECT_EQ(redirect(Method::get, "[::1]:80", 443).header("Location"), "https://[::1]/a?b=c");
}

TEST(RedirectToHttps, KeepsTheMethodOfWhatWrites) {
  EXPECT_EQ(redirect(Method::head, "a", 443).status(), 301);
  EXPECT_EQ(redirect(Method::post, "a", 443).status(), 308);
}

TEST(RedirectToHttps, RefusesARequestThatNamesNoHost) {
  EXPECT_EQ(redirect(Method::get, "", 443).status(), 400);
  EXPECT_EQ(redirect(Method::get, ":80", 443).status(), 400);
}

}  // namespace
}  // namespace minga::http
