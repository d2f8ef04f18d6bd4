#include "api/request_context.hpp"

#include <minga/error.hpp>

#include "http/request_impl.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

#include <string>

namespace minga::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;
using testing::Pair;

Request with_header(std::string name, std::string value) {
  return make_request(Method::get, "/", {{std::move(name), std::move(value)}});
}

TEST(Preference, ReadsPrefer) {
  struct Case {
    char const* header;
    char const* count;
  };
  for (auto const& [header, count] : {
           Case{"count=none", "none"},
           Case{"return=minimal, count=exact", "exact"},
           Case{"COUNT=\"Estimated\"", "estimated"},
           Case{" count = none ", "none"},
           Case{"count=none, count=exact", "none"},
           Case{"count", ""},
           Case{"counts=none", ""},
           Case{"", ""},
           Case{",;=,", ""},
       }) {
    EXPECT_EQ(preference(with_header("Prefer", header), "count"), count) << header;
  }
}

TEST(IfMatchTags, ReadsTheList) {
  auto const tags = [](char const* header) {
    return if_match_tags(with_header("If-Match", header));
  };
  EXPECT_THAT(tags("\"a\""), Optional(ElementsAre("a")));
  EXPECT_THAT(tags("\"a\", W/\"b\" ,\"c\""), Optional(ElementsAre("a", "b", "c")));
  EXPECT_THAT(tags("*"), Optional(ElementsAre("*")));
  EXPECT_THAT(tags(""), Optional(IsEmpty()));
  EXPECT_THAT(tags(" , "), Optional(IsEmpty()));
  EXPECT_EQ(if_match_tags(make_request(Method::get, "/")), std::nullopt);
}

TEST(WholeNumber, ReadsTheQuery) {
  auto const read = [](char const* target) {
    return whole_number(make_request(Method::get, target), "page", 7);
  };
  EXPECT_EQ(read("/?page=3"), 3);
  EXPECT_EQ(read("/?page=-3"), -3);
  EXPECT_EQ(read("/?page="), 7);
  EXPECT_EQ(read("/"), 7);
  for (auto const* target : {"/?page=x", "/?page=1.5", "/?page=1x", "/?page=%201",
                             "/?page=9223372036854775808", "/?page=0x1", "/?page=%2B1"})
    EXPECT_THROW(read(target), Error) << target;
}

TEST(Truth, ReadsTheQuery) {
  auto const read = [](std::string const& value) {
    return truth(make_request(Method::get, "/?skipTotal=" + value), "skipTotal");
  };
  for (auto const* value : {"1", "t", "T", "true", "TRUE", "tRuE"})
    EXPECT_TRUE(read(value)) << value;
  for (auto const* value : {"0", "f", "F", "false", "False", ""})
    EXPECT_FALSE(read(value)) << value;
  EXPECT_FALSE(truth(make_request(Method::get, "/"), "skipTotal"));
  for (auto const* value : {"2", "yes", "tru", "truee", "on"})
    EXPECT_THROW(read(value), Error) << value;
}

records::Context context_of(Request& request) {
  boost::asio::io_context io;
  auto future = boost::asio::co_spawn(io, make_context(request), boost::asio::use_future);
  io.run();
  return future.get();
}

TEST(MakeContext, TakesOverTheConditions) {
  auto request = make_request(Method::patch, "/",
                              {{"If-Match", "\"a\""}, {"Prefer", "handling=strict"}}, "{}");
  auto const context = context_of(request);
  EXPECT_THAT(context.if_match, Optional(ElementsAre("a")));
  EXPECT_TRUE(context.strict);
  EXPECT_EQ(context.idempotency, nullptr);
}

std::string hash_of(Method method, char const* target, char const* body,
                    char const* key = "a-key-of-16-chars") {
  auto request = make_request(method, target, {{"Idempotency-Key", key}}, body);
  auto const context = context_of(request);
  return context.idempotency == nullptr ? "" : context.idempotency->request_hash;
}

TEST(MakeContext, KnowsTheSameRequestAgain) {
  auto const first = hash_of(Method::post, "/a?b", "{}");
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(hash_of(Method::post, "/a?b", "{}"), first);
  EXPECT_NE(hash_of(Method::patch, "/a?b", "{}"), first);
  EXPECT_NE(hash_of(Method::post, "/a?c", "{}"), first);
  EXPECT_NE(hash_of(Method::post, "/a?b", "{ }"), first);
  EXPECT_EQ(hash_of(Method::get, "/a?b", ""), "") << "a read has nothing to repeat";
}

TEST(MakeContext, RefusesKeysThatAreNone) {
  EXPECT_NO_THROW(hash_of(Method::post, "/", "", std::string(255, 'k').c_str()));
  for (std::string const& key :
       {std::string("fifteen-letters"), std::string(256, 'k'), std::string("a key with blanks"),
        std::string("\xC3\xB1") + std::string(20, 'k'), std::string()})
    EXPECT_THROW(hash_of(Method::post, "/", "", key.c_str()), Error) << key;
}

TEST(MakeContext, GivesAllWritesOfARequestOneKey) {
  auto request = make_request(Method::post, "/", {{"Idempotency-Key", "a-key-of-16-chars"}}, "{}");
  auto const* first = context_of(request).idempotency;
  EXPECT_EQ(context_of(request).idempotency, first);
}

TEST(MakeContext, TakesOverWhatReadersAllow) {
  auto const context = [](Method method, char const* prefer) {
    auto request = make_request(method, "/", {{"Prefer", prefer}, {"Minga-Position", "e-12.7.15"}});
    return context_of(request);
  };
  auto const reading = context(Method::get, "count=none, read=replica");
  EXPECT_EQ(reading.prefers_replica, true);
  EXPECT_NE(reading.reads, nullptr);
  EXPECT_EQ(reading.after->text(), "e-12.7.15");
  EXPECT_EQ(context(Method::head, "read=primary").prefers_replica, false);
  EXPECT_EQ(context(Method::get, "read=somewhere").prefers_replica, std::nullopt);
  EXPECT_EQ(context(Method::patch, "read=replica").reads, nullptr) << "it decides by what it reads";
}

TEST(MakeContext, RefusesPositionsThatAreNone) {
  for (auto const* text : {"", "5", "e-", "-5", "e-x", "e-1.2.3.4.5", "e-9223372036854775808"}) {
    auto request = make_request(Method::get, "/", {{"Minga-Position", text}});
    EXPECT_THROW(context_of(request), Error) << text;
  }
  auto request = make_request(Method::get, "/", {{"Minga-Position", "\xFF-x"}});
  try {
    context_of(request);
    FAIL() << "it is none";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("'\xEF\xBF\xBD-x' is no")) << "JSON is UTF-8";
  }
}

TEST(MarkReads, SayThatAStandbyAnswered) {
  auto request = make_request(Method::get, "/", {{"Prefer", "read=replica"}});
  auto const context = context_of(request);
  mark_reads(request, context);
  EXPECT_THAT(request.impl().answer_headers, IsEmpty());
  context.reads->server = 1;
  for (int reads = 0; reads < 2; ++reads) mark_reads(request, context);
  EXPECT_THAT(request.impl().answer_headers,
              ElementsAre(Pair("Preference-Applied", "read=replica")));
  mark_preference(request, "count=exact");
  EXPECT_THAT(request.impl().answer_headers,
              ElementsAre(Pair("Preference-Applied", "read=replica, count=exact")));
}

TEST(MarkReads, SayNothingOnceThePrimaryHadToAnswer) {
  auto request = make_request(Method::get, "/", {{"Prefer", "read=replica"}});
  auto const context = context_of(request);
  context.reads->server = 1;
  mark_reads(request, context);
  context.reads->is_on_primary = true;
  mark_reads(request, context);
  EXPECT_THAT(request.impl().answer_headers, IsEmpty());
}

TEST(MarkAnswer, SaysWhatTheWritesWere) {
  auto request = make_request(Method::post, "/", {{"Idempotency-Key", "a-key-of-16-chars"}}, "{}");
  auto context = context_of(request);
  mark_answer(request, context);
  EXPECT_THAT(request.impl().answer_headers, IsEmpty());
  context.position = "epoch-5";
  context.idempotency->replayed = true;
  mark_answer(request, context);
  EXPECT_THAT(request.impl().answer_headers,
              ElementsAre(Pair("Minga-Position", "epoch-5"), Pair("Idempotent-Replayed", "true")));
}

}  // namespace
}  // namespace minga::api
