#include "sql/postgres/settings.hpp"

#include "sql/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace minga::sql::postgres {
namespace {

Settings settings(std::string url) {
  Options options;
  options.url = std::move(url);
  return Settings(options);
}

std::string value(Settings const& of, char const* keyword, Access access = Access::write) {
  std::string found = "(none)";
  for (auto const& [name, text] : of.keywords(of.hosts().front(), access)) {
    if (name == keyword) found = text;
  }
  return found;
}

std::string refusal(std::string url) {
  try {
    settings(std::move(url));
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::refused);
    return error.what();
  }
  return "accepted";
}

TEST(Settings, SeveralHostsAreToldApart) {
  auto const three = settings("postgresql://me@a:1,b:2,[::1]:3/app");
  ASSERT_EQ(three.hosts().size(), 3U);
  EXPECT_EQ(three.hosts()[1].name, "b");
  EXPECT_EQ(three.hosts()[2].name, "::1");
  EXPECT_EQ(three.hosts()[2].port, "3");
  EXPECT_EQ(three.description(), "a:1,b:2,::1:3/app");
  auto const one_port = settings("host=a,b port=6432 dbname=app");
  EXPECT_EQ(one_port.hosts()[1].port, "6432");
}

TEST(Settings, WhatTheUrlSaysWins) {
  auto const plain = settings("postgresql://a/app");
  EXPECT_EQ(value(plain, "application_name"), "minga");
  EXPECT_EQ(value(plain, "tcp_user_timeout"), "10000");
  EXPECT_EQ(value(plain, "sslmode"), "(none)");
  auto const full = settings(
      "postgresql://a/app?application_name=x&tcp_user_timeout=500&sslmode=verify-full&"
      "sslrootcert=/ca.pem&connect_timeout=7&options=-c%20work_mem%3D1MB");
  EXPECT_EQ(value(full, "application_name"), "x");
  EXPECT_EQ(value(full, "tcp_user_timeout"), "500");
  EXPECT_EQ(value(full, "sslmode"), "verify-full");
  EXPECT_EQ(value(full, "sslrootcert"), "/ca.pem");
  EXPECT_EQ(full.connect_timeout(), std::chrono::seconds(7));
  EXPECT_NE(value(full, "options").find("-c work_mem=1MB"), std::string::npos);
}

TEST(Settings, ReadsAreReadOnlyOnTheServer) {
  auto const any = settings("postgresql://a,b/app?target_session_attrs=any");
  EXPECT_EQ(value(any, "target_session_attrs"), "read-write");
  EXPECT_EQ(value(any, "target_session_attrs", Access::read), "primary");
  EXPECT_NE(value(any, "options", Access::read).find("default_transaction_read_only=on"),
            std::string::npos);
  EXPECT_EQ(value(any, "options").find("default_transaction_read_only"), std::string::npos);
}

TEST(Settings, WhatIsWrongIsSaidWithoutThePassword) {
  EXPECT_NE(refusal("postgresql://me:geheim%zz@a/app").find("%XX"), std::string::npos);
  for (auto const* url : {"postgresql://me:geheim%zz@a/app", "postgresql://me:geheim@a:1,b:2:3/app",
                          "postgres//me:geheim@a", "postgresql://me:geheim@a/app?nothing=geheim",
                          "host=a password='geheim"}) {
    auto const said = refusal(url);
    EXPECT_NE(said, "accepted") << url;
    EXPECT_EQ(said.find("geheim"), std::string::npos) << said;
  }
  EXPECT_NE(refusal("postgresql://a,b:1,c:2/app?port=1,2").find("ports"), std::string::npos);
  EXPECT_NE(refusal("postgresql://a/app?target_session_attrs=standby").find("standby"),
            std::string::npos);
  EXPECT_NE(refusal("postgresql://a/app?connect_timeout=soon").find("connect_timeout"),
            std::string::npos);
}

}  // namespace
}  // namespace minga::sql::postgres
