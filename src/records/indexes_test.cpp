#include "records/indexes.hpp"

#include "records/store_testing.hpp"
#include "sql/sqlite/dialect.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ostream>
#include <stdexcept>
#include <string>

namespace minga::records {
namespace {

struct Spelling {
  std::string text, sql;
};
void PrintTo(Spelling const& spelling, std::ostream* out) {
  *out << spelling.text;
}

class Spellings : public testing::TestWithParam<Spelling> {};
TEST_P(Spellings, AreOneIndex) {
  Definition things;
  things.name = "things";
  EXPECT_EQ(index_sql(parse_index(GetParam().text), things, sql::sqlite::dialect()),
            GetParam().sql);
}

INSTANTIATE_TEST_SUITE_P(
    Allowed, Spellings,
    testing::Values(
        Spelling{"CREATE INDEX i ON t (a)", R"(CREATE INDEX IF NOT EXISTS "i" ON "things" ("a"))"},
        Spelling{"create unique index `i` on [t](\"a\",`b` collate nocase desc , c ASC) ;",
                 "CREATE UNIQUE INDEX IF NOT EXISTS \"i\" ON \"things\" (\"a\", \"b\" COLLATE "
                 "NOCASE DESC, \"c\")"},
        Spelling{
            "CREATE INDEX IF NOT EXISTS i ON t (a) WHERE a != '' AND b = 5 AND c IS NULL AND d "
            "IS NOT NULL",
            "CREATE INDEX IF NOT EXISTS \"i\" ON \"things\" (\"a\") WHERE \"a\" != '' AND "
            "\"b\" = 5 AND \"c\" IS NULL AND \"d\" IS NOT NULL"},
        Spelling{"CREATE INDEX i ON t (a) WHERE a = 'it''s' AND b != -1.5",
                 "CREATE INDEX IF NOT EXISTS \"i\" ON \"things\" (\"a\") WHERE \"a\" = 'it''s' AND "
                 "\"b\" != -1.5"}));

class Refusals : public testing::TestWithParam<std::string> {};
TEST_P(Refusals, NameThePlace) {
  try {
    parse_index(GetParam());
    FAIL() << GetParam() << " was taken";
  } catch (std::invalid_argument const& error) {
    EXPECT_NE(std::string(error.what()).find("expected at character"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Indexes, Refusals,
    testing::Values("", "CREATE TABLE t (a)", "CREATE INDEX ON t (a)", "CREATE INDEX i ON t ()",
                    "CREATE INDEX i ON t (a", "CREATE INDEX i ON t (a) b",
                    "CREATE INDEX i ON t (lower(a))", "CREATE INDEX i ON t (a COLLATE BINARY)",
                    "CREATE INDEX i ON t (a) WHERE", "CREATE INDEX i ON t (a) WHERE a > 5",
                    "CREATE INDEX i ON t (a) WHERE a = b", "CREATE INDEX i ON t (a) WHERE a = 'x",
                    "CREATE INDEX i ON t (a) WHERE a IS 5", "CREATE INDEX i ON t (a) WHERE a = -",
                    "CREATE INDEX i ON t (a) WHERE a = 1.2.3",
                    "CREATE INDEX i ON t (a) WHERE a = .", "CREATE INDEX i ON t (a) WHERE a = 1.",
                    "CREATE INDEX i ON t (a); DROP TABLE t", "CREATE INDEX \"i ON t (a)",
                    "CREATE INDEX i ON t (a) WHERE a = 1 OR b = 2",
                    "CREATE INDEX i ON t (a) WHERE a = 'x' --"));

RC_GTEST_PROP(AnyIndexText, IsAnIndexOrRefused, ()) {
  auto const pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "i", " ON t (", "a", ",", ")", " WHERE ", "=", "!", "'", "5", "-", ".", "`", "[", "]", "\"",
      " COLLATE ", "NOCASE", "IS", " NOT ", "NULL", ";", " AND "));
  std::string text = "CREATE INDEX ";
  for (auto const& piece : pieces) text += piece;
  try {
    RC_ASSERT(!parse_index(text).columns.empty());
  } catch (std::invalid_argument const&) {
    RC_SUCCEED("refused");
  }
}

TEST(UniqueFields, HaveAnIndexOfTheirOwn) {
  TestStore store;
  store.declare(open_to_all("things", {text("a").unique(), number("b").unique().nullable(),
                                       select("c", {"x", "y"}).many(2).unique()}));
  store.create("things", R"({"a":"x","b":1,"c":["x"]})");
  store.create("things", R"({})");
  store.create("things", R"({})");
  auto const error = error_of([&] { store.create("things", R"({"a":"x"})"); });
  EXPECT_EQ(error.status(), 400);
  EXPECT_EQ(error.message(), "Failed to create record.");
  EXPECT_EQ(codes_of(error), "a: validation_not_unique");
  EXPECT_EQ(codes_of(error_of([&] { store.create("things", R"({"b":1})"); })),
            "b: validation_not_unique");
  EXPECT_EQ(codes_of(error_of([&] { store.create("things", R"({"c":["x"]})"); })),
            "c: validation_not_unique");
}

TEST(UniqueIndexes, NameEveryFieldAndMayIgnoreCase) {
  TestStore store;
  auto things = open_to_all("things", {text("a"), text("b"), text("c")});
  things.indexes = {"CREATE UNIQUE INDEX ab ON things (a, b)",
                    "CREATE UNIQUE INDEX c ON things (c COLLATE NOCASE) WHERE c != ''"};
  store.declare(std::move(things));
  store.create("things", R"({"id":"aaaaaaaaaaaaaaa","a":"1","b":"2","c":"Word"})");
  EXPECT_EQ(codes_of(error_of([&] { store.create("things", R"({"a":"1","b":"2"})"); })),
            "a: validation_not_unique, b: validation_not_unique");
  EXPECT_EQ(codes_of(error_of([&] { store.create("things", R"({"c":"wORD"})"); })),
            "c: validation_not_unique");
  store.create("things", R"({"a":"1","b":"3"})");
  auto const taken =
      error_of([&] { store.create("things", R"({"id":"aaaaaaaaaaaaaaa","a":"9"})"); });
  EXPECT_EQ(codes_of(taken), "id: validation_not_unique");
  auto const update = error_of([&] { store.update("things", "aaaaaaaaaaaaaaa", R"({"b":"3"})"); });
  EXPECT_EQ(update.message(), "Failed to update record.");
}

/// Of a record, whatever the write of it runs into first.
class AllErrors : public testing::Test {
 protected:
  AllErrors() {
    store.declare(open_to_all("people", {}));
    auto things = open_to_all(
        "things",
        {text("title").required(), text("name").unique(), email("mail").unique(),
         number("n").nullable(), boolean("is_draft"), text("kind").max(9), text("a"), text("b"),
         relation("owner", "people"), text("number").unique().autogenerate("[0-9]{1}")});
    things.indexes = {"CREATE UNIQUE INDEX n ON things (n) WHERE is_draft = 0 AND kind != 'it''s'",
                      "CREATE UNIQUE INDEX ab ON things (a COLLATE NOCASE, b) WHERE n IS NOT NULL"};
    store.declare(std::move(things));
    store.create("things", R"({"id":"aaaaaaaaaaaaaaa","title":"A","name":"x","mail":"x@x.org",
        "n":1.5,"a":"One","b":"two"})");
    store.create("things", R"({"id":"bbbbbbbbbbbbbbb","title":"B"})");
  }
  std::string refusal(std::string_view input) {
    return codes_of(error_of([&] { store.create("things", input); }));
  }
  std::string refused_change(std::string_view changes) {
    return codes_of(error_of([&] { store.update("things", "bbbbbbbbbbbbbbb", changes); }));
  }

  TestStore store;
};

TEST_F(AllErrors, OfSeveralIndexesComeTogether) {
  auto const all = "mail: validation_not_unique, name: validation_not_unique";
  EXPECT_EQ(refusal(R"({"title":"C","name":"x","mail":"x@x.org"})"), all);
  EXPECT_EQ(refused_change(R"({"name":"x","mail":"x@x.org"})"), all);
  EXPECT_EQ(refusal(R"({"id":"aaaaaaaaaaaaaaa","title":"C","name":"x"})"),
            "id: validation_not_unique, name: validation_not_unique");
  EXPECT_EQ(refusal(R"({"title":"C","n":1.5,"a":"oNE","b":"two"})"),
            "a: validation_not_unique, b: validation_not_unique, n: validation_not_unique");
}

TEST_F(AllErrors, OfEveryKindComeTogether) {
  auto const all =
      "name: validation_not_unique, owner: validation_missing_rel_records, title: "
      "validation_required";
  EXPECT_EQ(refusal(R"({"name":"x","owner":"nobody"})"), all);
  EXPECT_EQ(refused_change(R"({"title":"","name":"x","owner":"nobody"})"), all);
  EXPECT_EQ(refusal(R"({"title":"C","name":"x","owner":"nobody"})"),
            "name: validation_not_unique, owner: validation_missing_rel_records");
}

TEST_F(AllErrors, AreNoneOfWhatIsRight) {
  EXPECT_EQ(refusal(R"({"name":"y"})"), "title: validation_required");
  EXPECT_EQ(refusal(R"({"name":"x","mail":"no address","n":1.5,"is_draft":true})"),
            "mail: validation_is_email, name: validation_not_unique, title: validation_required");
  EXPECT_EQ(refusal(R"({"n":1.5,"kind":"it's","a":"One"})"), "title: validation_required");
  EXPECT_EQ(refusal(R"({"title":"C","n":1.5,"kind":"ten and more"})"),
            "kind: validation_max_text_constraint");
  EXPECT_EQ(codes_of(error_of([&] {
              store.update("things", "aaaaaaaaaaaaaaa", R"({"id":"ccccccccccccccc","n":1.5})");
            })),
            "id: validation_pk_change");
  // A number that was made up is no error: another one would have been found.
  auto number = 0;
  for (auto const& each : store.list("things", "").items) {
    EXPECT_EQ(refusal(fmt::format(R"({{"number":"{}"}})", text_of(each.as_object(), "number"))),
              "number: validation_not_unique, title: validation_required");
    ++number;
  }
  EXPECT_EQ(number, 2);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(refusal("{}"), "title: validation_required");
}

}  // namespace
}  // namespace minga::records
