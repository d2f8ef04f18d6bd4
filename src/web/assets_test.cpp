#include "web/assets.hpp"

#include <minga/error.hpp>

#include <gtest/gtest.h>

#include <variant>

namespace minga::web {
namespace {

TEST(Assets, ANameHoldsTheHashOfTheContent) {
  std::vector<EmbeddedFile> files{{"assets/a.css", "one"},
                                  {"assets/b.css", "one"},
                                  {"assets/c.css", "two"},
                                  {"assets/img/d", ""},
                                  {"pages/a.html", ""}};
  Embedded folder{files};
  Assets assets({&folder});
  auto a = assets.hashed_name("a.css").value();
  EXPECT_TRUE(a.starts_with("a.") && a.ends_with(".css")) << a;
  EXPECT_EQ(a.substr(1), assets.hashed_name("b.css").value().substr(1));
  EXPECT_NE(a.substr(1), assets.hashed_name("c.css").value().substr(1));
  EXPECT_TRUE(assets.hashed_name("img/d").value().starts_with("img/d."));
  EXPECT_FALSE(assets.hashed_name("a.html"));
}

TEST(Assets, AreServedForEver) {
  std::vector<EmbeddedFile> files{{"assets/a.css", "a{}"}};
  Embedded folder{files};
  Assets assets({&folder});
  auto response = assets.serve(*assets.hashed_name("a.css"));
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.header("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(response.header("cache-control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(std::get<Response::Static>(response.body()).bytes.data(), files[0].bytes.data());
}

TEST(Assets, AnUnknownNameOrHashIsNotFound) {
  std::vector<EmbeddedFile> files{{"assets/a.css", "a{}"}};
  Embedded folder{files};
  Assets assets({&folder});
  for (auto name : {"a.css", "a.000000000000.css", "", "../a.css"}) {
    EXPECT_THROW(assets.serve(name), Error) << name;
  }
}

TEST(Assets, ALaterFolderWins) {
  std::vector<EmbeddedFile> platform{{"assets/a.css", "theirs"}};
  std::vector<EmbeddedFile> application{{"assets/a.css", "ours"}};
  Embedded first{platform};
  Embedded second{application};
  Assets assets({&first, &second});
  auto response = assets.serve(*assets.hashed_name("a.css"));
  EXPECT_EQ(std::get<Response::Static>(response.body()).bytes, "ours");
}

TEST(MediaType, FollowsTheEnding) {
  EXPECT_EQ(media_type("x/live.js"), "text/javascript; charset=utf-8");
  EXPECT_EQ(media_type("icon.svg"), "image/svg+xml");
  EXPECT_EQ(media_type("LICENSE"), "application/octet-stream");
}

}  // namespace
}  // namespace minga::web
