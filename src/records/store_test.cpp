// Records come, change and go as API.md sections 2, 3 and 10 say.
#include "records/store.hpp"

#include "base/ids.hpp"
#include "base/json_text.hpp"
#include "base/time_text.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <string>

namespace minga::records {
namespace {

Definition things() {
  return open_to_all(
      "things",
      {text("title").required().max(10), number("n").max(5), number("votes").integer(),
       text("secret").hidden(), date("due"), select("tags", {"a", "b", "c"}).many(3), json("meta"),
       text("note").nullable(), autodate("created", false), autodate("updated")});
}

class Records : public testing::Test {
 protected:
  Records() {
    store.declare(things());
    auto open = open_to_all("open", {text("title")});
    open.open = true;
    store.declare(std::move(open));
    Definition locked;
    locked.name = "locked";
    locked.fields = {text("title")};
    store.declare(std::move(locked));
  }
  std::string make(std::string_view input) { return text_of(store.create("things", input), "id"); }

  TestStore store;
};

TEST_F(Records, HoldNoZeroInAnyField) {
  auto const id = make(R"({"title":"T"})");
  auto const refused = "validation_invalid_text";
  for (auto const* input :
       {R"({"title":"a\u0000"})", R"({"title":"T","note":"\u0000"})",
        R"({"title":"T","meta":{"a":["\u0000"]}})", R"({"title":"T","meta":{"\u0000":1}})"}) {
    for (auto const& error :
         {error_of([&] { make(input); }), error_of([&] { store.update("things", id, input); })}) {
      EXPECT_EQ(error.status(), 400);
      ASSERT_EQ(error.data().size(), 1U) << input;
      EXPECT_EQ(error.data().begin()->value().at("code"), refused);
    }
  }
  auto const open = error_of([&] { store.create("open", R"({"title":"T","b":"\u0000"})"); });
  EXPECT_EQ(open.data().at("b").at("code"), refused);
  auto const named = error_of([&] { store.create("open", R"({"title":"T","b\u0000":1})"); });
  EXPECT_EQ(named.data().begin()->value().at("code"), refused);
}

TEST_F(Records, AreNotLookedForByAZero) {
  std::string const zero("a\0b", 3);
  EXPECT_EQ(error_of([&] { store.view("things", zero); }).status(), 400);
  EXPECT_EQ(error_of([&] { store.update("things", zero, "{}"); }).status(), 400);
  EXPECT_EQ(error_of([&] { store.remove("things", zero); }).status(), 400);
  EXPECT_EQ(error_of([&] { store.list("things", "title = '" + zero + "'"); }).status(), 400);
}

TEST_F(Records, AreTheirFieldsInDeclaredOrder) {
  auto const record = store.create("things", R"({"votes":2,"title":"T","unknown":1})");
  std::string keys;
  for (auto const& pair : record) keys += std::string(pair.key()) + " ";
  EXPECT_EQ(keys,
            "id title n votes secret due tags meta note created updated collectionId "
            "collectionName ");
  EXPECT_TRUE(is_record_id(text_of(record, "id")));
  EXPECT_EQ(record.at("n"), 0);
  EXPECT_EQ(record.at("secret"), "");
  EXPECT_EQ(record.at("tags"), JsonArray{});
  EXPECT_TRUE(record.at("meta").is_null());
  EXPECT_TRUE(record.at("note").is_null());
  EXPECT_EQ(record.at("collectionName"), "things");
  EXPECT_TRUE(parse_time(text_of(record, "created")));
  EXPECT_EQ(record.at("created"), record.at("updated"));
  EXPECT_EQ(json_text(store.view("THINGS", text_of(record, "id"))), json_text(record));
  EXPECT_EQ(json_text(store.view(text_of(record, "collectionId"), text_of(record, "id"))),
            json_text(record));
}

TEST_F(Records, HaveAllTheirErrorsTogether) {
  auto const error = error_of([&] {
    store.create("things", R"({"id":"x","n":9,"due":"soon","tags":["a","z"],"votes":0.5})");
  });
  EXPECT_EQ(error.status(), 400);
  EXPECT_EQ(error.message(), "Failed to create record.");
  EXPECT_EQ(error.data().size(), 6U);
  for (auto const* field : {"id", "title", "n", "due", "tags", "votes"})
    EXPECT_TRUE(error.data().contains(field)) << field;
}

TEST_F(Records, MayChooseTheirId) {
  EXPECT_EQ(make(R"({"id":"abcdefghijklmno","title":"T"})"), "abcdefghijklmno");
  EXPECT_TRUE(is_record_id(make(R"({"id":"","title":"T"})")));
  EXPECT_TRUE(is_record_id(make(R"({"id":null,"title":"T"})")));
  EXPECT_EQ(codes_of(error_of([&] { make(R"({"id":"ABCDEFGHIJKLMNO","title":"T"})"); })),
            "id: validation_invalid_format");
  EXPECT_EQ(codes_of(error_of([&] { make(R"({"id":"abcdefghijklmno1","title":"T"})"); })),
            "id: validation_max_text_constraint");
}

TEST_F(Records, ChangeOnlyWhatIsSent) {
  auto const id = make(R"({"title":"T","n":1,"tags":["a"],"meta":{"k":1}})");
  auto const changed = store.update("things", id, R"({"n":2,"nothing":1})");
  EXPECT_EQ(changed.at("n"), 2);
  EXPECT_EQ(changed.at("title"), "T");
  EXPECT_EQ(json_text(changed.at("meta")), R"({"k":1})");
  EXPECT_EQ(json_text(store.view("things", id)), json_text(changed));
  EXPECT_GE(text_of(changed, "updated"), text_of(changed, "created"));
}

TEST_F(Records, KeepTheirIdAndTheServersFields) {
  auto const id = make(R"({"title":"T"})");
  auto const before = store.view("things", id);
  EXPECT_EQ(codes_of(error_of([&] { store.update("things", id, R"({"id":"abcdefghijklmno"})"); })),
            "id: validation_pk_change");
  auto const changed = store.update(
      "things", id, R"({"created":"2000-01-01","updated":"2000-01-01","collectionId":"x"})");
  EXPECT_EQ(changed.at("created"), before.at("created"));
  EXPECT_EQ(changed.at("collectionId"), before.at("collectionId"));
}

TEST_F(Records, TakeModifiersAfterPlainKeys) {
  auto const id = make(R"({"title":"T","votes":1,"tags":["a"]})");
  auto const changed = store.update(
      "things", id, R"({"votes+":2,"votes":10,"tags-":"a","+tags":["c"],"tags+":"b"})");
  EXPECT_EQ(changed.at("votes"), 12);
  EXPECT_EQ(json_text(changed.at("tags")), R"(["c","b"])");
  EXPECT_EQ(codes_of(error_of([&] { store.update("things", id, R"({"title+":"x"})"); })),
            "title: validation_invalid_value");
  EXPECT_EQ(codes_of(error_of([&] { store.update("things", id, R"({"n+":6})"); })),
            "n: validation_max_number_constraint");
  EXPECT_EQ(store.create("things", R"({"title":"T","votes+":3})").at("votes"), 3);
}

TEST_F(Records, HiddenFieldsAreForSuperusers) {
  store.context.bypasses_rules = true;
  auto const id = make(R"({"title":"T","secret":"s"})");
  store.context.bypasses_rules = false;
  EXPECT_EQ(store.update("things", id, R"({"secret":"other"})").at("secret"), "s");
  EXPECT_EQ(store.create("things", R"({"title":"T","secret":"s"})").at("secret"), "");
  auto record = store.view("things", id);
  hide_fields(*store.store->schema()->find("things"), record);
  EXPECT_FALSE(record.contains("secret"));
  auto const replaced =
      store.run(store.store->replace(store.context, "things", id, object(R"({"title":"U"})")));
  EXPECT_EQ(replaced.at("secret"), "s");
}

TEST_F(Records, AreReplacedAsAWhole) {
  auto const id = make(R"({"title":"T","n":1,"tags":["a"],"note":"x"})");
  auto const replaced =
      store.run(store.store->replace(store.context, "things", id, object(R"({"title":"U"})")));
  EXPECT_EQ(replaced.at("title"), "U");
  EXPECT_EQ(replaced.at("n"), 0);
  EXPECT_EQ(replaced.at("tags"), JsonArray{});
  EXPECT_TRUE(replaced.at("note").is_null());
  EXPECT_EQ(codes_of(error_of([&] {
              store.run(store.store->replace(store.context, "things", id, object("{}")));
            })),
            "title: validation_required");
}

TEST_F(Records, OfOpenCollectionsAreMerged) {
  auto const created = store.create("open", R"({"title":"T","a":{"b":1,"c":2},"d":[1]})");
  auto const id = text_of(created, "id");
  auto const merged = store.run(store.store->merge(
      store.context, "open", id, object(R"({"a":{"b":null,"e":{"f":null}},"d":{"x":1},"g":5})")));
  EXPECT_EQ(json_text(merged.at("a")), R"({"c":2,"e":{}})");
  EXPECT_EQ(json_text(merged.at("d")), R"({"x":1})");
  EXPECT_EQ(merged.at("g"), 5);
  EXPECT_EQ(merged.at("title"), "T");
  auto const cleared = store.run(
      store.store->merge(store.context, "open", id, object(R"({"title":null,"a":null})")));
  EXPECT_EQ(cleared.at("title"), "");
  EXPECT_FALSE(cleared.contains("a"));
  EXPECT_EQ(json_text(store.view("open", id)), json_text(cleared));
}

TEST_F(Records, UnknownKeysAreErrorsWhenAskedFor) {
  store.context.strict = true;
  EXPECT_EQ(codes_of(error_of([&] { make(R"({"title":"T","unknown":1})"); })),
            "unknown: validation_unknown_field");
  EXPECT_NO_THROW(make(R"({"title":"T","collectionName":"things","expand":{}})"));
  EXPECT_NO_THROW(store.create("open", R"({"unknown":1})"));
}

TEST_F(Records, ThatAreNotThereAre404) {
  EXPECT_EQ(error_of([&] { store.view("things", "nothing"); }).status(), 404);
  EXPECT_EQ(error_of([&] { store.update("things", "nothing", "{}"); }).status(), 404);
  EXPECT_EQ(error_of([&] { store.remove("things", "nothing"); }).status(), 404);
  EXPECT_EQ(error_of([&] { store.view("nowhere", "x"); }).status(), 404);
  EXPECT_EQ(error_of([&] { store.list("nowhere", ""); }).status(), 404);
}

TEST_F(Records, OfLockedCollectionsAreForSuperusers) {
  auto const expect_403 = [](auto call) {
    auto const error = error_of(call);
    EXPECT_EQ(error.status(), 403);
    EXPECT_EQ(error.message(), "Only superusers can perform this action.");
  };
  expect_403([&] { store.create("locked", "{}"); });
  expect_403([&] { store.list("locked", ""); });
  expect_403([&] { store.view("locked", "x"); });
  expect_403([&] { store.update("locked", "x", "{}"); });
  expect_403([&] { store.remove("locked", "x"); });
  store.context.bypasses_rules = true;
  auto const id = text_of(store.create("locked", "{}"), "id");
  EXPECT_EQ(store.list("locked", "").total_items, 1);
  store.remove("locked", id);
  EXPECT_EQ(store.list("locked", "").total_items, 0);
}

TEST_F(Records, ChangeOnlyWhereIfMatchHolds) {
  auto const id = make(R"({"title":"T"})");
  auto const tag = etag(store.view("things", id));
  store.context.if_match = std::vector<std::string>{"other", tag};
  EXPECT_EQ(store.update("things", id, R"({"n":1})").at("n"), 1);
  EXPECT_EQ(error_of([&] { store.update("things", id, R"({"n":2})"); }).status(), 412);
  EXPECT_EQ(error_of([&] { store.remove("things", id); }).status(), 412);
  store.context.if_match = std::vector<std::string>{"*"};
  EXPECT_NO_THROW(store.remove("things", id));
  EXPECT_EQ(error_of([&] { store.remove("things", id); }).status(), 404);
}

TEST_F(Records, AFailedIfMatchSaysWhatIsStoredNow) {
  auto const id = make(R"({"title":"T"})");
  store.context.if_match = std::vector<std::string>{"other"};
  auto const error = error_of([&] { store.update("things", id, R"({"n":2})"); });
  EXPECT_EQ(error.current_tag(), etag(store.view("things", id)));
}

TEST_F(Records, WhatIsDoneAlreadyPassesWhereThatIsAsked) {
  auto const id = make(R"({"title":"T","n":1})");
  store.context.if_match = std::vector<std::string>{"other"};
  EXPECT_EQ(error_of([&] { store.update("things", id, R"({"n":1})"); }).status(), 412);
  store.context.passes_when_done = true;
  auto const before = store.changes().size();
  EXPECT_EQ(store.update("things", id, R"({"n":1})"), store.view("things", id));
  EXPECT_EQ(store.changes().size(), before);
  EXPECT_EQ(error_of([&] { store.update("things", id, R"({"n":2})"); }).status(), 412);
  EXPECT_EQ(error_of([&] { store.update("things", id, R"({"n":"x"})"); }).status(), 412);
  EXPECT_EQ(error_of([&] { store.update("things", id, R"({"n+":1})"); }).status(), 412);
}

TEST_F(Records, ArePagedWithTotals) {
  for (int i = 0; i < 7; ++i)
    store.create("things", JsonObject{{"title", std::to_string(i)}, {"n", i % 3}});
  ListQuery query;
  query.sort = "-title";
  query.per_page = 3;
  query.page = 3;
  auto const last = store.run(store.store->list(store.context, "things", query));
  EXPECT_EQ(last.total_items, 7);
  EXPECT_EQ(last.total_pages, 3);
  ASSERT_EQ(last.items.size(), 1U);
  EXPECT_EQ(last.items[0].at("title"), "0");
  query.page = 4;
  EXPECT_TRUE(store.run(store.store->list(store.context, "things", query)).items.empty());
  query.page = std::numeric_limits<std::int64_t>::max();
  EXPECT_TRUE(store.run(store.store->list(store.context, "things", query)).items.empty());
  query.page = -5;
  query.per_page = 0;
  query.skip_total = true;
  auto const first = store.run(store.store->list(store.context, "things", query));
  EXPECT_EQ(first.page, 1);
  EXPECT_EQ(first.per_page, 30);
  EXPECT_EQ(first.total_items, -1);
  EXPECT_EQ(first.total_pages, -1);
  query.per_page = 5'000;
  EXPECT_EQ(store.run(store.store->list(store.context, "things", query)).per_page, 1'000);
}

TEST_F(Records, TotalsOfFiltersThatDifferOnlyInTheirValuesAreTheirOwn) {
  for (auto const* meta : {R"({"k":5})", R"({"k":5.5})", R"({"k":"i5"})", R"({"k":"i5"})",
                           R"({"k":"r5.5"})", R"({"k":"r5.5"})", R"({"k":"b1"})"})
    store.create("things", JsonObject{{"title", "T"}, {"meta", object(meta)}});
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(store.list("things", "meta.k = 5").total_items, 1);
    EXPECT_EQ(store.list("things", "meta.k = 'i5'").total_items, 2);
    EXPECT_EQ(store.list("things", "meta.k = 5.5").total_items, 1);
    EXPECT_EQ(store.list("things", "meta.k = 'r5.5'").total_items, 2);
    EXPECT_EQ(store.list("things", "meta.k = true").total_items, 0);
    EXPECT_EQ(store.list("things", "meta.k = 'b1'").total_items, 1);
  }
}

// Repeats with an Idempotency-Key.

Idempotency key(std::string name, std::string hash = "hash") {
  return Idempotency{"guest", std::move(name), std::move(hash)};
}

TEST_F(Records, AreWrittenOnceHoweverOftenARequestIsRepeated) {
  auto first = key("k");
  store.context.idempotency = &first;
  auto const created = store.create("things", R"({"title":"T","votes":1})");
  EXPECT_FALSE(first.replayed);
  auto const id = text_of(created, "id");
  auto again = key("k");
  store.context.idempotency = &again;
  EXPECT_EQ(json_text(store.create("things", R"({"title":"T","votes":1})")), json_text(created));
  EXPECT_TRUE(again.replayed);
  for (int i = 0; i < 3; ++i) {
    auto update = key("u");
    store.context.idempotency = &update;
    EXPECT_EQ(store.update("things", id, R"({"votes+":1})").at("votes"), 2);
    EXPECT_EQ(update.replayed, i > 0);
  }
  for (int i = 0; i < 3; ++i) {
    auto removal = key("r");
    store.context.idempotency = &removal;
    EXPECT_NO_THROW(store.remove("things", id));
    EXPECT_EQ(removal.replayed, i > 0);
  }
  EXPECT_EQ(store.changes().size(), 3U);
}

TEST_F(Records, AKeyIsForOneRequestOfOneCaller) {
  auto first = key("k");
  store.context.idempotency = &first;
  make(R"({"title":"T"})");
  auto other = key("k", "another hash");
  store.context.idempotency = &other;
  EXPECT_EQ(error_of([&] { make(R"({"title":"U"})"); }).status(), 422);
  auto caller = key("k");
  caller.scope = "somebody";
  store.context.idempotency = &caller;
  make(R"({"title":"T"})");
  EXPECT_FALSE(caller.replayed);
  store.context.idempotency = nullptr;
  EXPECT_EQ(store.list("things", "").total_items, 2);
}

TEST_F(Records, ARefusalIsNotKept) {
  auto refused = key("k");
  store.context.idempotency = &refused;
  EXPECT_EQ(error_of([&] { make(R"({"n":1})"); }).status(), 400);
  auto repeated = key("k");
  store.context.idempotency = &repeated;
  make(R"({"title":"T"})");
  EXPECT_FALSE(repeated.replayed);
}

TEST_F(Records, SeveralWritesOfARequestAreRepeatedInOrder) {
  std::vector<std::string> ids;
  for (int round = 0; round < 2; ++round) {
    auto request = key("many");
    store.context.idempotency = &request;
    for (int i = 0; i < 3; ++i) {
      auto const id = make(R"({"title":"T"})");
      if (round == 0) {
        ids.push_back(id);
      } else {
        EXPECT_EQ(id, ids[static_cast<std::size_t>(i)]);
      }
    }
    EXPECT_EQ(request.replayed, round == 1);
  }
  std::vector<JsonObject> inputs{object(R"({"title":"T"})"), object(R"({"n":1})")};
  for (int round = 0; round < 2; ++round) {
    auto request = key("bulk");
    store.context.idempotency = &request;
    auto const result = store.run(store.store->create_many(store.context, "things", inputs));
    EXPECT_EQ(result.added, 1);
    ASSERT_EQ(result.refused.size(), 1U);
    EXPECT_EQ(result.refused[0].first, 1U);
    EXPECT_EQ(request.replayed, round == 1);
  }
  EXPECT_EQ(store.list("things", "").total_items, 4);
}

TEST_F(Records, OutcomesAreForgottenAfterADay) {
  auto request = key("k");
  store.context.idempotency = &request;
  make(R"({"title":"T"})");
  EXPECT_EQ(store.run(store.store->prune_idempotency(kNoDeadline)), 0);
  store.run(store.database->write(
      sql::Statement("UPDATE _idempotency SET created = '2020-01-01 00:00:00.000Z'")));
  EXPECT_EQ(store.run(store.store->prune_idempotency(kNoDeadline)), 1);
}

// The change log.

TEST_F(Records, EveryChangeIsLoggedWithItsPosition) {
  int rings = 0;
  store.store->changes().bells().on_commit([&rings] { ++rings; });
  auto const id = make(R"({"title":"T"})");
  auto const created_at = Position::parse(store.context.position);
  store.update("things", id, R"({"n":1})");
  store.remove("things", id);
  EXPECT_EQ(rings, 3);
  auto const all = store.changes();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(created_at->place, all[0].place);
  EXPECT_EQ(created_at->epoch, store.store->changes().epoch());
  EXPECT_EQ(Position::parse(store.context.position)->place, all[2].place);
  EXPECT_EQ(all[0].action, Action::create);
  EXPECT_EQ(all[1].action, Action::update);
  EXPECT_EQ(all[2].action, Action::delete_);
  EXPECT_EQ(all[1].before.at("n"), 0);
  EXPECT_EQ(all[1].record.at("n"), 1);
  EXPECT_EQ(json_text(all[2].record), json_text(all[1].record));
  EXPECT_EQ(all[0].record_id, id);
  EXPECT_EQ(store.run(store.store->changes().last(kNoDeadline)).place, all[2].place);
  EXPECT_EQ(store.changes(all[1].place).size(), 1U);
  EXPECT_EQ(store.changes({}, 2).size(), 2U);
}

TEST_F(Records, ARefusedWriteLogsNothing) {
  make(R"({"title":"T","id":"abcdefghijklmno"})");
  EXPECT_EQ(error_of([&] { make(R"({"title":"T","id":"abcdefghijklmno"})"); }).status(), 400);
  EXPECT_EQ(error_of([&] { store.update("things", "nothing", "{}"); }).status(), 404);
  make(R"({"title":"T"})");
  auto const all = store.changes();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_GT(all[1].place, all[0].place);
}

TEST_F(Records, OldChangesAreRemovedAndWhatIsLeftIsKnown) {
  for (int i = 0; i < 3; ++i) make(R"({"title":"T"})");
  auto& changes = store.store->changes();
  auto const all = store.changes();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_TRUE(store.run(changes.is_near({}, all[2].place, 3, kNoDeadline)));
  EXPECT_FALSE(store.run(changes.is_near({}, all[2].place, 2, kNoDeadline)));
  store.run(store.database->write(
      sql::Statement("UPDATE _changes SET at = '2020-01-01 00:00:00.000Z' WHERE number <= 2")));
  EXPECT_EQ(store.run(changes.prune(std::chrono::hours{24}, kNoDeadline)), 2);
  EXPECT_EQ(store.run(changes.first_kept(kNoDeadline)), all[1].place);
  EXPECT_EQ(store.changes(all[1].place).size(), 1U);
  EXPECT_EQ(store.run(changes.prune(std::chrono::seconds{-60}, kNoDeadline)), 0);
  EXPECT_EQ(store.run(changes.last(kNoDeadline)).place, all[2].place) << "the last position stays";
  make(R"({"title":"T"})");
  EXPECT_EQ(store.changes(all[2].place).size(), 1U);
}

TEST(Positions, AreReadBack) {
  EXPECT_EQ((Position{"ab-c", {0, 7}}).text(), "ab-c-7");
  EXPECT_EQ((Position{"ab-c", {12, 7}}).text(), "ab-c-12.7");
  EXPECT_EQ(Position::parse("ab-c-12.7")->place, (Place{12, 7}));
  EXPECT_EQ(Position::parse("ab-c-7")->epoch, "ab-c");
  EXPECT_EQ((Position{"ab-c", {12, 7, 13}}).text(), "ab-c-12.7.13");
  EXPECT_EQ(Position::parse("ab-c-0.0.13")->place.own, 13);
  EXPECT_EQ((Position{"ab-c", {12, 7, 0, 2}}).text(), "ab-c-12.7.0.2");
  EXPECT_EQ((Position{"ab-c", {12, 7, 0, 1}}).text(), "ab-c-12.7") << "of the first primary";
  EXPECT_EQ(Position::parse("ab-c-12.7.13.2")->place.timeline, 2);
  EXPECT_EQ((Place{12, 7, 13, 2}), (Place{12, 7}));
  for (auto const* text : {"", "-", "a", "a-", "-5", "a-x", "a-5x", "a-5.", "a-.5", "a-1.2.3.4.5",
                           "a-99999999999999999999"})
    EXPECT_FALSE(Position::parse(text)) << text;
}

TEST_F(Records, SurviveAReopening) {
  auto const id = make(R"({"title":"T"})");
  auto const before = json_text(store.view("things", id));
  auto const epoch = store.store->changes().epoch();
  store.close();
  store.open();
  EXPECT_EQ(json_text(store.view("things", id)), before);
  EXPECT_EQ(store.store->changes().epoch(), epoch);
  EXPECT_EQ(store.changes().size(), 1U);
}

}  // namespace
}  // namespace minga::records
