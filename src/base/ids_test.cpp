#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <stdexcept>
#include <string_view>

namespace minga {
namespace {

using namespace std::chrono_literals;

TEST(RecordId, HasFifteenLowerCaseCharacters) {
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(is_record_id(make_record_id()));
}

TEST(RecordId, SortsByTime) {
  std::chrono::system_clock::time_point const moment{1'700'000'000'000ms};
  EXPECT_LT(make_record_id(moment), make_record_id(moment + 1ms));
  EXPECT_EQ(make_record_id(moment).substr(0, 8), "loyw3v28");
}

TEST(RecordId, DiffersWithinOneMillisecond) {
  std::chrono::system_clock::time_point const moment{1'700'000'000'000ms};
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.insert(make_record_id(moment));
  EXPECT_EQ(ids.size(), 10'000U);
}

TEST(RecordId, RefusesOtherShapes) {
  EXPECT_FALSE(is_record_id(""));
  EXPECT_FALSE(is_record_id("abc"));
  EXPECT_FALSE(is_record_id("ABCDEFGHIJKLMNO"));
  EXPECT_FALSE(is_record_id("abcdefghijklmno1"));
  EXPECT_TRUE(is_record_id("abcdefghijklmn0"));
}

TEST(UuidV7, BeginsWithTheTime) {
  std::chrono::system_clock::time_point const moment{1'645'557'742'000ms};
  auto const text = make_uuid_v7(moment);
  EXPECT_EQ(text.substr(0, 15), "017f22e2-79b0-7");  // as RFC 9562 appendix A.6 shows it
  EXPECT_EQ(text.size(), 36U);
  EXPECT_NE(std::string_view("89ab").find(text[19]), std::string_view::npos) << text;
  EXPECT_LT(make_uuid_v7(moment), make_uuid_v7(moment + 1ms));
  EXPECT_NE(make_uuid_v7(moment), make_uuid_v7(moment));
}

TEST(RequestId, IsItsOwnShape) {
  EXPECT_TRUE(is_request_id(make_request_id()));
  EXPECT_NE(make_request_id(), make_request_id());
  EXPECT_FALSE(is_request_id("short"));
  EXPECT_FALSE(is_request_id("has a blank in it"));
  EXPECT_FALSE(is_request_id(std::string(65, 'a')));
}

TEST(RandomText, DrawsFromItsAlphabet) {
  auto const text = random_text(200, "xy");
  EXPECT_EQ(text.find_first_not_of("xy"), std::string::npos);
  EXPECT_NE(text.find('x'), std::string::npos);
  EXPECT_NE(text.find('y'), std::string::npos);
  EXPECT_THROW(random_text(1, "x"), std::invalid_argument);
}

TEST(Crc32, GivesTheSuperusersCollectionItsKnownId) {
  // PocketBase's clients know this collection as pbc_3142635823.
  EXPECT_EQ(crc32("auth_superusers"), 3142635823U);
}

}  // namespace
}  // namespace minga
