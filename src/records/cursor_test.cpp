// Sorting, and walking a sorted list page by page.
#include "records/cursor.hpp"

#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace minga::records {
namespace {

class Shelf {
 public:
  Shelf() {
    store.declare(open_to_all("makers", {text("name"), number("score").nullable()}));
    auto things = open_to_all(
        "things", {text("name"), text("maybe").nullable(), number("n"), number("whole").integer(),
                   boolean("ok"), date("due"), json("meta"), select("tags", {"a", "b"}).many(2),
                   relation("maker", "makers"), text("secret").hidden()});
    things.open = true;
    store.declare(std::move(things));
    Definition locked;
    locked.name = "locked";
    locked.fields = {text("name")};
    store.declare(std::move(locked));
    store.declare(open_to_all("links", {relation("locked", "locked")}));
  }
  std::string names(std::string_view sort, std::string_view filter = "") {
    std::string text;
    for (auto const& item : store.list("things", filter, sort).items)
      text += text_of(item.as_object(), "name");
    return text;
  }
  /// The ids of a walk by cursor.
  std::vector<std::string> walk(std::string const& sort, std::string const& filter,
                                std::int64_t limit) {
    std::vector<std::string> ids;
    ListQuery query;
    query.sort = sort;
    query.filter = filter;
    query.limit = limit;
    for (;;) {
      auto const page = store.run(store.store->list_by_cursor(store.context, "things", query));
      for (auto const& item : page.items) ids.push_back(text_of(item.as_object(), "id"));
      if (!page.cursor) return ids;
      if (ids.size() > 1'000) throw std::runtime_error("the walk does not end");
      query.cursor = page.cursor;
    }
  }
  std::vector<std::string> listed(std::string const& sort, std::string const& filter) {
    std::vector<std::string> ids;
    for (auto const& item : store.list("things", filter, sort).items)
      ids.push_back(text_of(item.as_object(), "id"));
    return ids;
  }

  TestStore store;
};

std::string id_of(char c) {
  return std::string(15, c);
}

Shelf& filled() {
  static auto const shelf = [] {
    auto made = std::make_unique<Shelf>();
    auto& store = made->store;
    store.create("makers", JsonObject{{"id", id_of('x')}, {"name", "zoe"}, {"score", 1}});
    store.create("makers", JsonObject{{"id", id_of('y')}, {"name", "Ana"}});
    auto const add = [&](char name, std::string_view rest) {
      auto record = object(rest);
      record["id"] = id_of(name);
      record["name"] = std::string(1, name);
      store.create("things", std::move(record));
    };
    add('a', R"({"n":2,"whole":9007199254740993,"ok":true,"maybe":"","meta":{"k":"text"},
                 "maker":"xxxxxxxxxxxxxxx","due":"2022-01-01","more":10})");
    add('b', R"({"n":-1.5,"whole":9007199254740992,"maybe":"B","meta":{"k":5},"tags":["b"],
                 "maker":"yyyyyyyyyyyyyyy","due":"2021-01-01","more":"9"})");
    add('c', R"({"n":2,"meta":{"k":true},"maybe":"a","tags":["a","b"],"more":2.5})");
    add('d', R"({"meta":{"k":[1]},"maker":"xxxxxxxxxxxxxxx"})");
    add('e', R"({"n":10,"meta":{"k":""},"due":"2023-01-01","more":{"x":1}})");
    return made;
  }();
  return *shelf;
}

struct Row {
  std::string sort, names;
};
void PrintTo(Row const& row, std::ostream* out) {
  *out << row.sort;
}
class Sorting : public testing::TestWithParam<Row> {};
TEST_P(Sorting, OrdersAsTheApiSays) {
  EXPECT_EQ(filled().names(GetParam().sort), GetParam().names);
}
INSTANTIATE_TEST_SUITE_P(
    Keys, Sorting,
    testing::Values(Row{"", "abcde"}, Row{"-id", "edcba"}, Row{"@rowid", "abcde"},
                    Row{"-@rowid", "edcba"}, Row{"n", "bdace"}, Row{"-n", "eacdb"},
                    Row{"-n,-name", "ecadb"}, Row{"+n , -id", "bdcae"}, Row{"-whole", "abcde"},
                    Row{"ok", "bcdea"}, Row{"-ok", "abcde"}, Row{"maybe", "deabc"},
                    Row{"-maybe", "cbade"}, Row{"due", "cdbae"}, Row{"meta.k", "cbeda"},
                    Row{"-meta.k", "adebc"}, Row{"meta.nothing", "abcde"}, Row{"tags", "cbade"},
                    Row{"maker.name", "cebad"}, Row{"-maker.name", "adbce"},
                    Row{"maker.score", "bcead"}, Row{"maker", "ceadb"}, Row{"more", "dcabe"}));

TEST(SortErrors, SayWhatIsWrong) {
  auto& shelf = filled();
  for (auto const* sort :
       {"nothing.more.", "secret", "maker.nothing", "tags.a", "name.more", "-", "name,,n", "@now",
        "name:lower", "name desc", "name'", "n,n,n,n,n,n,n,n,n", ".name", "maker..name",
        "@collection.things.name"}) {
    auto const error = error_of([&] { shelf.names(sort); });
    EXPECT_EQ(error.status(), 400) << sort;
    EXPECT_EQ(error.message(), "Invalid sort.") << sort;
  }
  EXPECT_EQ(error_of([&] { shelf.names(std::string(256, 'n')); }).status(), 400);
  EXPECT_EQ(error_of([&] { shelf.store.list("makers", "", "nothing"); }).status(), 400);
  EXPECT_EQ(error_of([&] { shelf.store.list("links", "", "locked.name"); }).status(), 400);
  for (auto const* odd : {"more..x", "more.0.x", "x.99999999999999999999", "0", "_open"})
    EXPECT_NO_THROW(shelf.names(odd)) << odd;
  EXPECT_EQ(shelf.names("@random").size(), 5U);
  EXPECT_NO_THROW(shelf.names("n,n,n,n,n,n,n,n"));
}

TEST(Cursors, WalkWhatAListShows) {
  auto& shelf = filled();
  for (auto const* sort :
       {"", "-id", "n", "-n", "maybe", "-maybe", "meta.k", "-meta.k", "ok,-n", "-maker.score,due",
        "maker.name,-maybe", "-whole", "more", "-more,n", "-tags"}) {
    for (std::int64_t limit = 1; limit <= 6; ++limit) {
      EXPECT_EQ(shelf.walk(sort, "", limit), shelf.listed(sort, "")) << sort << " by " << limit;
      EXPECT_EQ(shelf.walk(sort, "n != 10", limit), shelf.listed(sort, "n != 10")) << sort;
    }
  }
}

TEST(Cursors, AreBoundToTheirList) {
  auto& shelf = filled();
  auto& store = shelf.store;
  ListQuery query;
  query.sort = "n";
  query.limit = 2;
  auto const page = store.run(store.store->list_by_cursor(store.context, "things", query));
  ASSERT_TRUE(page.cursor);
  auto const refused = [&](ListQuery const& other, std::string_view collection = "things") {
    auto const error =
        error_of([&] { store.run(store.store->list_by_cursor(store.context, collection, other)); });
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(codes_of(error), "cursor: validation_invalid_value");
  };
  query.cursor = page.cursor;
  auto other = query;
  other.sort = "-n";
  refused(other);
  other = query;
  other.filter = "n > 0";
  refused(other);
  other = query;
  other.sort = "";
  refused(other, "makers");
  for (std::string const& text :
       {std::string("x"), std::string("."), std::string("!.!"), *page.cursor + "x",
        page.cursor->substr(1), page.cursor->substr(0, page.cursor->find('.')),
        "AAAA" + page.cursor->substr(page.cursor->find('.'))}) {
    other = query;
    other.cursor = text;
    refused(other);
  }
  other = query;
  other.sort = "@random";
  EXPECT_EQ(error_of([&] {
              store.run(store.store->list_by_cursor(store.context, "things", other));
            }).status(),
            400);
}

TEST(Cursors, AWalkSeesNothingTwiceWhileRecordsCome) {
  Shelf shelf;
  auto& store = shelf.store;
  for (int i = 0; i < 20; ++i) store.create("things", JsonObject{{"n", i % 4}});
  ListQuery query;
  query.sort = "-n";
  query.limit = 3;
  std::set<std::string> seen;
  auto const before = shelf.listed("", "");
  for (int round = 0;; ++round) {
    auto const page = store.run(store.store->list_by_cursor(store.context, "things", query));
    for (auto const& item : page.items)
      EXPECT_TRUE(seen.insert(text_of(item.as_object(), "id")).second);
    if (!page.cursor) break;
    query.cursor = page.cursor;
    store.create("things", JsonObject{{"n", round % 4}});
    ASSERT_LT(round, 100);
  }
  for (auto const& id : before) EXPECT_TRUE(seen.contains(id));
}

RC_GTEST_PROP(Cursors, WalkAnyListCompletely, ()) {
  static auto const shelf = std::make_unique<Shelf>();
  auto& store = shelf->store;
  store.run(store.database->write(sql::Statement("DELETE FROM things")));
  std::vector<JsonObject> inputs;
  auto const count = *rc::gen::inRange(0, 25);
  for (int i = 0; i < count; ++i) {
    JsonObject record;
    record["n"] = *rc::gen::oneOf(rc::gen::arbitrary<double>(), rc::gen::element(0.1, 0.3, 1e-7));
    if (*rc::gen::arbitrary<bool>()) record["maybe"] = *rc::gen::element<std::string>("", "a", "b");
    record["ok"] = *rc::gen::arbitrary<bool>();
    record["whole"] = *rc::gen::arbitrary<std::int64_t>();
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        record["more"] = *rc::gen::arbitrary<double>();
        break;
      case 1:
        record["more"] = *rc::gen::element<std::string>("", "x", "5", "\xC3\xA1");
        break;
      case 2:
        record["more"] = *rc::gen::arbitrary<std::int64_t>();
        break;
      default:
        break;
    }
    inputs.push_back(std::move(record));
  }
  store.run(store.store->create_many(store.context, "things", std::move(inputs)));
  static std::vector<std::string> const keys{"n",   "-n",    "maybe",  "-maybe", "ok",
                                             "-ok", "whole", "-whole", "more",   "-more"};
  auto const sort = *rc::gen::elementOf(keys) + "," + *rc::gen::elementOf(keys);
  auto const limit = *rc::gen::inRange(1, 9);
  RC_ASSERT(shelf->walk(sort, "", limit) == shelf->listed(sort, ""));
}

}  // namespace
}  // namespace minga::records
