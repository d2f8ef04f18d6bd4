#include "cluster/pgbackrest.hpp"

#include <gtest/gtest.h>

namespace minga::cluster {
namespace {

constexpr auto kInfo = R"([{"backup":[
  {"archive":{"start":"000000010000000000000002","stop":"000000010000000000000002"},"error":false,
   "info":{"delta":23213826,"repository":{"delta":2837152,"size":2837152},"size":23213826},
   "label":"20261121-130812F","timestamp":{"start":1795266492,"stop":1795266494},"type":"full"},
  {"archive":{"start":"000000010000000000000004","stop":"000000010000000000000005"},"error":false,
   "info":{"delta":7635725,"repository":{"delta":942011,"size":3778281},"size":30791941},
   "label":"20261121-130812F_20261121-130818I","timestamp":{"start":1795266498,"stop":1795266501},
   "type":"incr"},
  {"error":true,"label":"20261121-130812F_20261121-130900I",
   "timestamp":{"start":1795266540,"stop":1795266541},"type":"incr"}],
  "name":"main-x","status":{"code":0,"message":"ok"}},
 {"backup":[],"name":"new","status":{"code":2,"message":"no valid backups"}},
 {"backup":[],"name":"lost","status":{"code":1,"message":"missing stanza path"}}])";

TEST(PgBackRestInfo, GivesSetsAndGoodBackups) {
  auto const stanzas = read_stanzas(kInfo);
  ASSERT_EQ(stanzas.size(), 3U);
  ASSERT_EQ(stanzas[0].backups.size(), 2U);
  auto const& full = stanzas[0].backups[0];
  EXPECT_EQ(full.label, "20261121-130812F");
  EXPECT_TRUE(full.is_full);
  EXPECT_EQ(format_time(full.ended), "2026-11-21 13:08:14.000Z");
  EXPECT_EQ(full.bytes, 23'213'826);
  EXPECT_EQ(full.stored_bytes, 2'837'152);
  EXPECT_FALSE(stanzas[0].backups[1].is_full);
  EXPECT_EQ(stanzas[1].problem, "");
  EXPECT_EQ(stanzas[2].problem, "missing stanza path");
  for (auto const& backup : stanzas[0].backups) EXPECT_EQ(backup_from(to_json(backup)), backup);
}

TEST(PgBackRestInfo, IsRefusedWhenItIsNoList) {
  EXPECT_THROW(read_stanzas("ERROR: [055]"), Error);
  EXPECT_THROW(read_stanzas("[\"\x8a\"]"), Error) << "quoted from a file that is encrypted";
  EXPECT_THROW(read_stanzas("{}"), Error);
}

TEST(PgBackRestWords, AreTheErrorInOneLine) {
  EXPECT_EQ(
      words_of("WARN: something else\nERROR: [055]: unable to open\n       HINT: is it there?\n"),
      "unable to open HINT: is it there?");
  EXPECT_EQ(words_of("/usr/bin/pgbackrest: not found\n"), "/usr/bin/pgbackrest: not found");
  EXPECT_EQ(words_of(""), "");
  EXPECT_LT(words_of(std::string(100'000, 'x')).size(), 500U);
}

TEST(SegmentNumber, IsTheSameOnEveryTimeline) {
  EXPECT_EQ(segment_number("000000010000000000000002"), 2);
  EXPECT_EQ(segment_number("0000000A0000000100000003"), 256 + 3);
  EXPECT_EQ(*segment_number("0000000100000001000000FF") + 1,
            *segment_number("000000010000000200000000"));
  for (auto const* other : {"", "00000002.history", "000000010000000000000002.partial",
                            "00000001000000000000000g", "archive.info"}) {
    EXPECT_EQ(segment_number(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace minga::cluster
