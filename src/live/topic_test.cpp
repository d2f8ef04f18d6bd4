#include "live/topic.hpp"

#include <minga/error.hpp>

#include "records/definition.hpp"

#include <gmock/gmock.h>

#include <string>

namespace minga::live {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class TopicTest : public testing::Test {
 protected:
  TopicTest() {
    definition.id = "pbc_1";
    definition.name = "posts";
    definition.list_rule = "";
    definition.view_rule = "";
    change.place = {0, 7};
    change.collection = "pbc_1";
    change.record_id = "abc";
    change.record["id"] = "abc";
    change.record["title"] = "line\nend";
  }

  bool matches(std::string text) const {
    return Topic(std::move(text)).matches(definition, change);
  }

  records::Definition definition;
  records::Change change;
};

TEST_F(TopicTest, NamesACollectionOrARecord) {
  for (auto const* text :
       {"posts", "posts/*", "POSTS/*", "pbc_1", "pbc_1/*", "posts/abc", "posts/*?options={}"})
    EXPECT_TRUE(matches(text)) << text;
  for (auto const* text : {"post", "posts/abd", "posts/ABC", "pbc_2/*", "postsx/*"})
    EXPECT_FALSE(matches(text)) << text;
}

TEST_F(TopicTest, FollowsTheRules) {
  definition.list_rule.reset();
  EXPECT_FALSE(matches("posts/*"));
  EXPECT_TRUE(matches("posts/abc"));
  definition.view_rule.reset();
  EXPECT_FALSE(matches("posts/abc"));
}

TEST_F(TopicTest, IsRepeatedInPartWhereItIsTooLong) {
  auto text = std::string(99, 'a');
  while (text.size() <= 2'500) text += "\xC3\xB1";
  try {
    Topic const topic(text);
    FAIL() << "it is too long";
  } catch (Error const& error) {
    auto const& message = error.data().at("topic").at("message").as_string();
    EXPECT_THAT(std::string(message), HasSubstr("a\xC3\xB1...' cannot")) << "whole letters";
  }
}

TEST_F(TopicTest, RefusesWhatCannotBeSubscribedTo) {
  for (std::string const text :
       {"", "?options={}", "posts?filter=x", "posts?options=", "posts?options=[]",
        "posts?options={", "posts?options=%zz", "posts\nid: 5", "posts\r",
        "posts?options={\"query\":{\"filter\":\"a=1\"}}",
        "posts?options={\"query\":{\"expand\":\"author\"}}",
        "posts?options={\"query\":{\"fields\":\"a:shout()\"}}"}) {
    EXPECT_THROW(Topic{text}, Error) << text;
  }
  EXPECT_THROW(Topic{std::string(2'501, 'x')}, Error);
  EXPECT_NO_THROW(Topic{std::string(2'500, 'x')});
}

TEST_F(TopicTest, TakesOptionsThatAskForNothing) {
  for (auto const* text :
       {"posts?options={\"query\":{\"filter\":\"\",\"expand\":\"\"}}",
        "posts?options={\"headers\":{\"a\":\"b\"}}", "posts?options=%7B%22query%22%3A%7B%7D%7D"})
    EXPECT_TRUE(matches(text)) << text;
}

TEST_F(TopicTest, WritesOneEventWithItsPosition) {
  auto const text = event_text(Topic("posts/*"), change, definition, "epoch");
  EXPECT_EQ(
      text,
      "id: epoch-7\nevent: posts/*\n"
      R"(data: {"action":"create","record":{"id":"abc","title":"line\nend"},"position":"epoch-7"})"
      "\n\n");
}

TEST_F(TopicTest, CutsTheRecordToItsFields) {
  Topic const topic(R"(posts/*?options={"query":{"fields":"id"}})");
  auto const event = event_text(topic, change, definition, "epoch");
  EXPECT_THAT(event, HasSubstr(R"("record":{"id":"abc"},)"));
  EXPECT_THAT(event, HasSubstr("\nevent: posts/*?options={\"query\":{\"fields\":\"id\"}}\n"));
  EXPECT_EQ(change.record.size(), 2U);
}

TEST_F(TopicTest, HidesWhatIsHidden) {
  definition.fields.push_back(minga::text("title").hidden());
  EXPECT_THAT(event_text(Topic("posts"), change, definition, "e"),
              testing::Not(HasSubstr("title")));
}

TEST_F(TopicTest, TellsToFetchAgain) {
  auto const text = resync_text(Topic("posts"), records::Position{"epoch", {0, 9}});
  EXPECT_THAT(text, StartsWith("id: epoch-9\nevent: posts\ndata: {"));
  EXPECT_THAT(text, HasSubstr(R"("action":"resync","record":{},"position":"epoch-9")"));
  EXPECT_THAT(text, EndsWith("}\n\n"));
}

}  // namespace
}  // namespace minga::live
