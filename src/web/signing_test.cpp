#include "web/signing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <stdexcept>

namespace minga::web {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

constexpr std::string_view kSecret = "a secret of 16 bytes or more";

std::string with_one_bit_changed(std::string const& sealed) {
  auto bytes = *from_base64url(sealed);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  return to_base64url(bytes);
}

TEST(Signer, WantsASecret) {
  EXPECT_THROW(Signer("too short", "tasks"), std::invalid_argument);
}

TEST(Signer, DependsOnSecretSitePurposeAndText) {
  Signer signer(kSecret, "tasks");
  auto tag = signer.tag("p", "text");
  EXPECT_EQ(tag, Signer(kSecret, "tasks").tag("p", "text"));
  EXPECT_NE(tag, signer.tag("q", "text"));
  EXPECT_NE(tag, signer.tag("p", "texT"));
  EXPECT_NE(tag, Signer(kSecret, "items").tag("p", "text"));
  EXPECT_NE(tag, Signer("another secret of 16 bytes", "tasks").tag("p", "text"));
  EXPECT_NE(signer.tag("a", "bc"), signer.tag("ab", "c"));
}

RC_GTEST_PROP(Base64Url, ReadsBackWhatItWrote, (std::string const& bytes)) {
  RC_ASSERT(from_base64url(to_base64url(bytes)) == bytes);
}

TEST(Base64Url, RefusesWhatItIsNot) {
  EXPECT_FALSE(from_base64url("a+b/"));
  EXPECT_FALSE(from_base64url("YQ=="));
  EXPECT_FALSE(from_base64url("a"));
  EXPECT_FALSE(from_base64url("YWJj YWJj"));
}

class CsrfTokensTest : public testing::Test {
 protected:
  Signer signer{kSecret, "tasks"};
  CsrfTokens tokens{signer};
};

TEST_F(CsrfTokensTest, ATokenBelongsToItsCookie) {
  auto cookie = tokens.make_cookie();
  auto token = tokens.make_token(cookie);
  EXPECT_TRUE(tokens.is_valid_cookie(cookie));
  EXPECT_TRUE(tokens.matches(cookie, token));
  EXPECT_FALSE(tokens.matches(tokens.make_cookie(), token));
}

TEST_F(CsrfTokensTest, EachPageHasAnotherTokenAndAllAreGood) {
  auto cookie = tokens.make_cookie();
  auto first = tokens.make_token(cookie);
  auto second = tokens.make_token(cookie);
  EXPECT_NE(first, second);
  EXPECT_TRUE(tokens.matches(cookie, first));
  EXPECT_TRUE(tokens.matches(cookie, second));
}

TEST_F(CsrfTokensTest, RefusesForgeries) {
  auto cookie = tokens.make_cookie();
  auto token = tokens.make_token(cookie);
  EXPECT_FALSE(tokens.matches(cookie, ""));
  EXPECT_FALSE(tokens.matches(cookie, "AAAA"));
  EXPECT_FALSE(tokens.matches(cookie, with_one_bit_changed(token)));
  EXPECT_FALSE(tokens.matches(with_one_bit_changed(cookie), token));
  EXPECT_FALSE(tokens.matches("", token));
  EXPECT_FALSE(tokens.matches(cookie, cookie));
}

TEST_F(CsrfTokensTest, AnotherSitesTokensAreWorthNothing) {
  Signer other_signer(kSecret, "items");
  CsrfTokens other(other_signer);
  auto cookie = other.make_cookie();
  EXPECT_FALSE(tokens.is_valid_cookie(cookie));
  EXPECT_FALSE(tokens.matches(cookie, other.make_token(cookie)));
}

class NoticeSealTest : public testing::Test {
 protected:
  Signer signer{kSecret, "tasks"};
  NoticeSeal seal{signer};
  system_clock::time_point now = system_clock::now();
};

TEST_F(NoticeSealTest, OpensWhatItSealed) {
  EXPECT_EQ(seal.open(seal.seal("Tarea a\u00f1adida", now), now), "Tarea a\u00f1adida");
  EXPECT_EQ(seal.open(seal.seal("1:2", now), now + seconds(299)), "1:2");
}

TEST_F(NoticeSealTest, RefusesTheStaleAndTheForged) {
  auto sealed = seal.seal("text", now);
  EXPECT_FALSE(seal.open(sealed, now + seconds(302)));
  EXPECT_FALSE(seal.open(with_one_bit_changed(sealed), now));
  EXPECT_FALSE(seal.open("", now));
  EXPECT_FALSE(seal.open("not base64!", now));
  Signer other(kSecret, "items");
  EXPECT_FALSE(NoticeSeal(other).open(sealed, now));
}

TEST_F(NoticeSealTest, CutsALongNoticeBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 1'000; ++i) text += "\u00f1";
  auto opened = seal.open(seal.seal(text, now), now);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, text.substr(0, 1'499));
}

}  // namespace
}  // namespace minga::web
