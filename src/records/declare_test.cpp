// Collections are made and grow by themselves; what would lose data is refused.
#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

namespace minga::records {
namespace {

Definition first() {
  auto definition = open_to_all("things", {text("title"), number("n"), select("tag", {"a", "b"})});
  definition.indexes = {"CREATE INDEX by_title ON things (title)"};
  return definition;
}

class Declaring : public testing::Test {
 protected:
  Declaring() {
    store.declare(first());
    id = text_of(store.create("things", R"({"title":"T","n":1.5,"tag":"b"})"), "id");
  }
  std::string indexes() {
    auto const* declared =
        testing_support::tests_postgres()
            ? "SELECT indexname::text FROM pg_indexes WHERE tablename = 'things' "
              "AND indexname <> 'things_pkey' ORDER BY 1"
            : "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'things' "
              "AND sql IS NOT NULL ORDER BY name";
    auto const rows = store.run(store.database->read(sql::Statement(declared)));
    std::string names;
    for (std::size_t i = 0; i < rows.size(); ++i) names += rows.text(i, 0) + " ";
    return names;
  }

  TestStore store;
  std::string id;
};

TEST_F(Declaring, AddsFieldsIndexesAndRules) {
  auto next = first();
  next.fields.push_back(text("note"));
  next.fields.push_back(text("maybe").nullable());
  next.fields.push_back(number("whole").integer());
  next.fields.push_back(boolean("ok"));
  next.fields.push_back(date("due"));
  next.fields.push_back(select("tags", {"x", "y"}).many(2));
  next.fields.push_back(json("meta"));
  next.fields.push_back(relation("parent", "things"));
  next.fields.push_back(email("mail").unique());
  next.open = true;
  next.delete_rule = std::nullopt;
  next.indexes = {"CREATE INDEX by_title ON things (title DESC)",
                  "CREATE INDEX by_n ON things (n)"};
  store.declare(next);
  auto const record = store.view("things", id);
  EXPECT_EQ(record.at("title"), "T");
  EXPECT_EQ(record.at("n"), 1.5);
  EXPECT_EQ(record.at("note"), "");
  EXPECT_TRUE(record.at("maybe").is_null());
  EXPECT_EQ(record.at("whole"), 0);
  EXPECT_EQ(record.at("ok"), false);
  EXPECT_EQ(record.at("tags"), JsonArray{});
  EXPECT_TRUE(record.at("meta").is_null());
  EXPECT_EQ(indexes(), "by_n by_title unique_things.mail ");
  EXPECT_EQ(error_of([&] { store.remove("things", id); }).status(), 403);
  EXPECT_EQ(store.update("things", id, R"({"extra":1})").at("extra"), 1);
  store.close();
  store.open();
  EXPECT_EQ(store.view("things", id).at("extra"), 1);
  store.declare(next);
  EXPECT_EQ(store.view("things", id).at("extra"), 1);
}

TEST_F(Declaring, TheSameAgainChangesNothing) {
  auto const before = json_text(to_json(*store.store->schema()->find("things")));
  store.declare(first());
  EXPECT_EQ(json_text(to_json(*store.store->schema()->find("things"))), before);
}

TEST_F(Declaring, DropsIndexesThatAreGone) {
  auto next = first();
  next.indexes.clear();
  store.declare(next);
  EXPECT_EQ(indexes(), "");
}

TEST_F(Declaring, OptionsThatNarrowHoldForNewValuesOnly) {
  auto next = first();
  next.fields[0].max(0).required();
  next.fields[2].select_values = {"a"};
  store.declare(next);
  EXPECT_EQ(store.view("things", id).at("tag"), "b");
  EXPECT_EQ(error_of([&] { store.create("things", R"({"title":"x","tag":"b"})"); }).status(), 400);
}

struct Lossy {
  std::string title;
  std::function<void(Definition&)> change;
  std::string says;
};
void PrintTo(Lossy const& lossy, std::ostream* out) {
  *out << lossy.title;
}
class LossyChanges : public Declaring, public testing::WithParamInterface<Lossy> {};
TEST_P(LossyChanges, AreRefusedAndNothingIsDone) {
  auto open = first();
  open.open = true;
  open.fields.push_back(number("whole").integer());
  store.declare(open);
  auto const before = json_text(store.view("things", id));
  auto next = open;
  GetParam().change(next);
  auto const error = error_of([&] { store.declare(next); });
  EXPECT_EQ(error.status(), 400);
  EXPECT_NE(error.message().find(GetParam().says), std::string::npos) << error.message();
  EXPECT_EQ(json_text(store.view("things", id)), before);
}
INSTANTIATE_TEST_SUITE_P(
    Migrations, LossyChanges,
    testing::Values(
        Lossy{"drop",
              [](Definition& next) {
                next.fields.erase(next.fields.begin());
                next.indexes.clear();
              },
              "'title' would be dropped"},
        Lossy{"type", [](Definition& next) { next.fields[0] = number("title"); },
              "'title' is text and would become number"},
        Lossy{"list", [](Definition& next) { next.fields[2].many(2); }, "'tag'"},
        Lossy{"integer", [](Definition& next) { next.fields[1].integer(); }, "'n'"},
        Lossy{"real", [](Definition& next) { next.fields[3].integer(false); }, "'whole'"},
        Lossy{"nullable", [](Definition& next) { next.fields[0].nullable(); }, "'title'"},
        Lossy{"closed", [](Definition& next) { next.open = false; }, "undeclared fields"}));

TEST_F(Declaring, AUniqueIndexOverDoublesIsRefused) {
  store.create("things", R"({"title":"T"})");
  auto next = first();
  next.fields[0].unique();
  next.fields.push_back(text("more"));
  auto const error = error_of([&] { store.declare(next); });
  EXPECT_EQ(error.status(), 400);
  EXPECT_NE(error.message().find("title"), std::string::npos) << error.message();
  EXPECT_EQ(store.store->schema()->find("things")->find("more"), nullptr);
  EXPECT_NO_THROW(store.create("things", R"({"title":"T"})"));
}

TEST_F(Declaring, IndexNamesAreTheWholeDatabases) {
  auto other = open_to_all("others", {text("title")});
  other.indexes = {"CREATE UNIQUE INDEX By_Title ON others (title)"};
  auto const error = error_of([&] { store.declare(other); });
  EXPECT_EQ(codes_of(error), "indexes: validation_existing_index_name");
  store.declare(open_to_all("a", {text("b_c").unique()}));
  EXPECT_NO_THROW(store.declare(open_to_all("a_b", {text("c").unique()})));
  store.create("a_b", R"({"c":"x"})");
  EXPECT_EQ(error_of([&] { store.create("a_b", R"({"c":"x"})"); }).status(), 400);
}

TEST_F(Declaring, RelationsNeedTheirCollection) {
  auto const error =
      error_of([&] { store.declare(open_to_all("others", {relation("r", "nowhere")})); });
  EXPECT_EQ(codes_of(error), "r: validation_field_relation_missing_collection");
  EXPECT_EQ(store.store->schema()->find("others"), nullptr);
  store.declare(open_to_all("others", {relation("self", "others"), relation("thing", "THINGS")}));
  auto const* others = store.store->schema()->find("others");
  EXPECT_EQ(others->find("self")->collection, others->id);
  EXPECT_EQ(others->find("thing")->collection, store.store->schema()->find("things")->id);
}

TEST_F(Declaring, ANameInAnotherCaseIsTheSameCollection) {
  auto same = first();
  same.name = "Things";
  same.fields.push_back(text("more"));
  EXPECT_NO_THROW(store.declare(same));
  EXPECT_EQ(store.store->schema()->all().size(), 1U);
  EXPECT_EQ(store.view("things", id).at("more"), "");
}

TEST(Settings, AreMadeOnce) {
  TestStore store;
  auto make = [](std::string value) {
    return [value] {
      return value;
    };
  };
  EXPECT_EQ(store.run(store.store->setting("s", make("one"))), "one");
  EXPECT_EQ(store.run(store.store->setting("s", make("two"))), "one");
}

}  // namespace
}  // namespace minga::records
