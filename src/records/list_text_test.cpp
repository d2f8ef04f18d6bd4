// A text that is made straight from rows, of a list or of one record, is that of the records.
#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace minga::records {
namespace {

Definition everything(bool is_open) {
  auto definition =
      open_to_all(is_open ? "open" : "closed",
                  {text("title"), text("note").nullable(), text("secret").hidden(), boolean("done"),
                   number("real"), number("whole").integer(),
                   select("tags", {"a", "b", "c"}).many(3), json("meta"), date("due"),
                   relation("parent", is_open ? "open" : "closed"), autodate("created", false)});
  definition.open = is_open;
  return definition;
}

class ListText : public testing::Test {
 protected:
  ListText() {
    store.declare(everything(false));
    store.declare(everything(true));
  }

  std::string text(std::string_view collection, ListQuery const& query, bool is_superuser) {
    Context context;
    context.bypasses_rules = is_superuser;
    return store.run(store.store->list_text(context, collection, query));
  }
  /// The same by way of the records' values.
  std::string expected(std::string_view collection, ListQuery const& query, bool is_superuser) {
    Context context;
    context.bypasses_rules = is_superuser;
    auto page = store.run(store.store->list(context, collection, query));
    auto const schema = store.store->schema();
    for (auto& record : page.items) {
      if (!is_superuser) hide_fields(*schema->find(collection), record.as_object());
    }
    return json_text(page.envelope());
  }
  void expect_same(std::string_view collection, std::string const& id) {
    auto record = store.view(collection, id);
    auto const tag = etag(record);
    for (auto const is_superuser : {true, false}) {
      Context context;
      context.bypasses_rules = is_superuser;
      auto const found = store.run(store.store->view_text(context, collection, id));
      if (!is_superuser) hide_fields(*store.store->schema()->find(collection), record);
      EXPECT_EQ(found.text, json_text(record));
      EXPECT_EQ(found.tag, tag);
    }
  }
  void expect_same(std::string_view collection, ListQuery const& query) {
    for (auto const is_superuser : {false, true}) {
      EXPECT_EQ(text(collection, query, is_superuser), expected(collection, query, is_superuser));
    }
  }

  TestStore store;
};

TEST_F(ListText, OfWhatWasCreatedIsThatOfTheRecord) {
  for (auto const is_open : {false, true}) {
    auto definition = open_to_all(is_open ? "loose" : "strict",
                                  {minga::text("title"), number("real"), json("meta"),
                                   boolean("done"), autodate("created", false)});
    definition.open = is_open;
    store.declare(definition);
    auto const record =
        store.create(definition.name,
                     R"({"more":{"y":-0.0},"title":"\"\\\u00f1","real":0.1,"meta":[1.5,null]})");
    EXPECT_EQ(store.context.record_text, json_text(record));
    auto const stored = store.view(definition.name, text_of(record, "id"));
    EXPECT_EQ(store.context.record_text, json_text(stored));
  }
}

TEST_F(ListText, IsThatOfThePage) {
  ListQuery query;
  expect_same("closed", query);
  std::string parent;
  for (int i = 0; i < 5; ++i) {
    auto input = object(R"({"title":"\"\\\n","done":true,"real":0.1,"whole":-7,"tags":["b","a"],
                            "meta":{"x":[1.50,null,"\u00f1"]},"due":"2026-01-02","secret":"hidden",
                            "collectionId":"mine","more":{"y":-0.0}})");
    input["parent"] = parent;
    for (auto const* collection : {"open", "closed"}) {
      auto sent = input;
      if (collection == std::string_view("closed")) sent.erase("parent");
      auto const id = text_of(store.create(collection, sent), "id");
      expect_same(collection, id);
      if (collection == std::string_view("open")) parent = id;
    }
  }
  query.per_page = 3;
  for (auto const* collection : {"open", "closed"}) {
    for (query.page = 1; query.page <= 3; ++query.page) expect_same(collection, query);
  }
  query.page = 1;
  query.skip_total = true;
  expect_same("closed", query);
  query.expand = "parent";
  expect_same("open", query);
  EXPECT_NE(text("open", query, false).find("expand"), std::string::npos);
  EXPECT_EQ(text("open", query, false).find("secret"), std::string::npos);
}

TEST_F(ListText, ShowsAFieldThatWasDeclaredSince) {
  auto const created =
      store.create("open", R"({"title":"T","late":{"was":"undeclared"},"other":1})");
  auto changed = everything(true);
  changed.fields.push_back(minga::text("late"));
  store.declare(changed);
  ListQuery query;
  expect_same("open", query);
  expect_same("open", text_of(created, "id"));
  EXPECT_NE(text("open", query, true).find(R"("late":"")"), std::string::npos);
}

/// Equal reads share their rows and the text that was made of them, until something changes.
TEST_F(ListText, IsOfWhatIsThereNow) {
  ListQuery query;
  auto const count = [&](std::string_view what) {
    auto const page = object(text("closed", query, false));
    int found = 0;
    for (auto const& item : page.at("items").as_array())
      found += item.at("title").as_string() == what ? 1 : 0;
    EXPECT_EQ(page.at("totalItems").as_int64(),
              static_cast<int>(page.at("items").as_array().size()));
    return found;
  };
  for (int i = 1; i <= 20; ++i) {
    auto const id = text_of(store.create("closed", R"({"title":"new"})"), "id");
    ASSERT_EQ(count("new"), 1);
    ASSERT_EQ(count("new"), 1);
    store.update("closed", id, R"({"title":"changed"})");
    ASSERT_EQ(count("new"), 0);
    ASSERT_EQ(count("changed"), i);
  }
}

TEST_F(ListText, IsOfTheFieldsAsTheyAreDeclaredNow) {
  Context superuser;
  superuser.bypasses_rules = true;
  auto record = object(R"({"title":"T","secret":"told"})");
  store.run(store.store->create(superuser, "closed", std::move(record)));
  ListQuery query;
  EXPECT_EQ(text("closed", query, false).find("told"), std::string::npos);
  auto changed = everything(false);
  for (auto& field : changed.fields) field.is_hidden = false;
  store.declare(changed);
  EXPECT_NE(text("closed", query, false).find("told"), std::string::npos);
  store.declare(everything(false));
  EXPECT_EQ(text("closed", query, false).find("told"), std::string::npos);
}

TEST_F(ListText, IsForThoseWhoMayList) {
  Definition locked;
  locked.name = "locked";
  store.declare(std::move(locked));
  EXPECT_EQ(error_of([&] { text("locked", {}, false); }).status(), 403);
  EXPECT_NO_THROW(text("locked", {}, true));
  EXPECT_EQ(error_of([&] { text("nowhere", {}, true); }).status(), 404);
}

/// UTF-8 without U+0000, which no database keeps.
std::string any_text() {
  auto const points = *rc::gen::container<std::vector<char>>(rc::gen::inRange<char>(1, 0x7F));
  std::string text(points.begin(), points.end());
  return *rc::gen::arbitrary<bool>() ? text + "\xC3\xB1\xF0\x9F\x98\x80" : text;
}

JsonObject any_record() {
  JsonObject input;
  input["title"] = any_text();
  if (*rc::gen::arbitrary<bool>()) input["note"] = any_text();
  input["real"] = *rc::gen::arbitrary<std::int32_t>() / 7.0;
  input["whole"] = *rc::gen::arbitrary<std::int32_t>();
  input["done"] = *rc::gen::arbitrary<bool>();
  auto const thousandths = static_cast<double>(*rc::gen::arbitrary<std::int64_t>());
  input["meta"] = JsonArray{Json(any_text()), Json(thousandths / 1e3)};
  input["x" + any_text()] = any_text();
  return input;
}

TEST_F(ListText, IsThatOfAnyRecord) {
  auto const compare = [this] {
    ListQuery query;
    query.sort = "-created,-id";
    for (auto const* collection : {"open", "closed"}) {
      store.create(collection, any_record());
      RC_ASSERT(text(collection, query, true) == expected(collection, query, true));
    }
  };
  EXPECT_TRUE(rc::check("a list's text is that of its records", compare));
}

}  // namespace
}  // namespace minga::records
