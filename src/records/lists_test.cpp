// Lists and their totals show every acknowledged write, whatever is remembered between them.
#include "records/counters.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace minga::records {
namespace {

/// What is stored, and the names of it that a list gives.
struct Model {
  struct Thing {
    std::string name;
    bool done = false;
  };
  std::map<std::string, Thing> things;  // by id

  std::vector<std::string> names(bool only_done) const {
    std::vector<std::string> names;
    for (auto const& [id, thing] : things) {
      if (thing.done || !only_done) names.push_back(thing.name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

class Lists : public testing::Test {
 protected:
  Lists() {
    declare();
    counters = std::make_unique<Counters>(*store.database);
  }

  void declare() {
    std::vector<Field> fields{text("name").unique(), boolean("done"),
                              relation("parent", "things").cascade_delete()};
    for (int i = 0; i < added_fields; ++i) fields.push_back(text("more" + std::to_string(i)));
    store.declare(open_to_all("things", std::move(fields)));
  }

  JsonObject input(int number) {
    JsonObject input;
    input["name"] = "name " + std::to_string(number);
    input["done"] = number % 2 == 0;
    return input;
  }
  void note(JsonObject const& record) {
    model.things[text_of(record, "id")] = {text_of(record, "name"), record.at("done").as_bool()};
  }
  /// The one that stands at a random place.
  std::string any_id() {
    if (model.things.empty()) return "none";
    auto const at = *rc::gen::inRange<std::size_t>(0, model.things.size());
    return std::next(model.things.begin(), static_cast<std::ptrdiff_t>(at))->first;
  }

  void create(int number) {
    auto const error = error_of([&] { note(store.create("things", input(number))); });
    RC_ASSERT(error.status() == 0 || codes_of(error) == "name: validation_not_unique");
  }
  void turn(std::string const& id) {
    if (id == "none") return;
    JsonObject changes;
    changes["done"] = !model.things.at(id).done;
    note(store.run(store.store->update(store.context, "things", id, std::move(changes))));
  }
  void remove(std::string const& id) {
    auto const error = error_of([&] { store.remove("things", id); });
    RC_ASSERT(error.status() == (id == "none" ? 404 : 0));
    model.things.erase(id);
  }
  void remove_with_child(int number) {
    auto const parent = any_id();
    if (parent == "none") return;
    auto child = input(number);
    child["parent"] = parent;
    if (error_of([&] { store.create("things", child); }).status() == 0) remove(parent);
  }
  void import(int number) {
    std::vector<JsonObject> inputs{input(number), input(number), input(number + 1)};
    store.run(store.store->create_many(store.context, "things", std::move(inputs)));
    for (auto const& item : store.list("things", "").items) note(item.as_object());
  }
  /// A transaction that undoes what it did.
  void undo() {
    sql::TransactionBody body = [](sql::Transaction& transaction) -> Async<void> {
      sql::Statement clear("DELETE FROM things");
      co_await transaction.execute(std::move(clear));
      throw Error(409, "undone", "Undone.");
    };
    auto const run = [&] {
      store.run(store.database->transact(std::move(body)));
    };
    RC_ASSERT(error_of(run).status() == 409);
  }

  void act(int action, int number) {
    switch (action) {
      case 0:
        return remove(any_id());
      case 1:
        return turn(any_id());
      case 2:
        return import(number);
      case 3:
        return undo();
      case 4:
        return remove_with_child(number);
      case 5:
        added_fields = std::min(added_fields + 1, 20);
        return declare();
      case 6:
        store.run(counters->add("hits", 1, kNoDeadline));
        return;
      default:
        return create(number);
    }
  }

  void check(std::size_t thread, bool only_done) {
    ListQuery query;
    query.filter = only_done ? "done = true" : "";
    query.sort = "name";
    query.per_page = 7;
    auto const page = store.start(store.store->list(store.context, "things", query), thread).get();
    auto const names = model.names(only_done);
    RC_ASSERT(page.total_items == static_cast<std::int64_t>(names.size()));
    RC_ASSERT(page.items.size() == std::min<std::size_t>(names.size(), 7));
    for (std::size_t i = 0; i < page.items.size(); ++i)
      RC_ASSERT(text_of(page.items[i].as_object(), "name") == names[i]);
  }

  TestStore store;
  std::unique_ptr<Counters> counters;
  Model model;
  int added_fields = 0;
};

/// Each I/O thread has a connection of its own, and what it remembers.
TEST_F(Lists, ShowEveryAcknowledgedWrite) {
  auto const compare = [this] {
    act(*rc::gen::inRange(0, 12), *rc::gen::inRange(0, 50));
    for (std::size_t const thread : {0U, 1U, 0U}) {
      check(thread, false);
      check(thread, true);
    }
  };
  EXPECT_TRUE(rc::check("a list shows every acknowledged write", [&] {
    for (int i = 0; i < 5; ++i) compare();
  }));
}

}  // namespace
}  // namespace minga::records
