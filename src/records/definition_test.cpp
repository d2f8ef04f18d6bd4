#include "records/definition.hpp"

#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace minga::records {
namespace {

TEST(Definition, IsCompletedWithIdsAsTheApiComputesThem) {
  auto const done = complete(open_to_all("posts", {text("title"), number("votes")}));
  EXPECT_EQ(done.id, "pbc_1125843985");
  ASSERT_EQ(done.fields.size(), 3U);
  EXPECT_EQ(done.fields[0].name, "id");
  EXPECT_TRUE(done.fields[0].is_primary_key);
  EXPECT_EQ(done.fields[1].id, "text724990059");
  Definition superusers;
  superusers.name = "_superusers";
  superusers.type = "auth";
  superusers.system = true;
  EXPECT_EQ(complete(superusers).id, "pbc_3142635823");
}

TEST(Definition, HasItsIdFirst) {
  auto id = text("id");
  id.is_primary_key = true;
  auto const done = complete(open_to_all("posts", {text("title"), id}));
  EXPECT_EQ(done.fields.front().name, "id");
  EXPECT_EQ(done.fields.size(), 2U);
}

std::string problems_of(Definition definition) {
  auto const error = error_of([&] { complete(std::move(definition)); });
  return error.status() == 0 ? "none" : json_text(error.data());
}

struct Wrong {
  std::string title;
  Definition definition;
  std::string expected;  // contained in data
};
void PrintTo(Wrong const& wrong, std::ostream* out) {
  *out << wrong.title;
}
class WrongDefinitions : public testing::TestWithParam<Wrong> {};
TEST_P(WrongDefinitions, SayWhatAndWhere) {
  auto const found = problems_of(GetParam().definition);
  EXPECT_NE(found.find(GetParam().expected), std::string::npos) << found;
}

Definition named(std::string name) {
  return open_to_all(std::move(name), {text("a")});
}
Definition with(Field field) {
  return open_to_all("things", {std::move(field)});
}
Definition indexed(std::vector<std::string> indexes) {
  auto definition = named("things");
  definition.indexes = std::move(indexes);
  return definition;
}
Field both_domains() {
  auto field = email("a");
  field.only_domains = {"x.org"};
  field.except_domains = {"y.org"};
  return field;
}
Field never_set() {
  auto field = autodate("a", false);
  field.on_create = false;
  return field;
}
std::string at_field(std::string_view key, std::string_view code) {
  return R"({"fields":{"1":{")" + std::string(key) + R"(":{"code":")" + std::string(code) + "\"";
}

INSTANTIATE_TEST_SUITE_P(
    Names, WrongDefinitions,
    testing::Values(
        Wrong{"blank", named(""), R"({"name":{"code":"validation_required")"},
        Wrong{"digit", named("1a"), R"({"name":{"code":"validation_match_invalid")"},
        Wrong{"blank inside", named("a b"), "validation_match_invalid"},
        Wrong{"via", named("a_VIA_b"), "validation_match_invalid"},
        Wrong{"long", named(std::string(256, 'a')), "validation_match_invalid"},
        Wrong{"system", named("_a"), "validation_match_invalid"},
        Wrong{"field blank", with(text("")), at_field("name", "validation_match_invalid")},
        Wrong{"field sign", with(text("a-b")), at_field("name", "validation_match_invalid")},
        Wrong{"field via", with(text("a_via_b")), at_field("name", "validation_match_invalid")},
        Wrong{"field open", with(text("_OPEN")), at_field("name", "validation_match_invalid")},
        Wrong{"field long", with(text(std::string(101, 'a'))),
              at_field("name", "validation_match_invalid")},
        Wrong{"reserved", with(text("Null")), at_field("name", "validation_reserved_field_name")},
        Wrong{"reserved", with(text("expand")), "validation_reserved_field_name"},
        Wrong{"reserved", with(text("collectionId")), "validation_reserved_field_name"},
        Wrong{"twice", open_to_all("things", {text("a"), text("A")}),
              R"({"fields":{"2":{"name":{"code":"validation_duplicated_field_name")"}));

INSTANTIATE_TEST_SUITE_P(
    Options, WrongDefinitions,
    testing::Values(Wrong{"pattern", with(text("a").pattern("(")),
                          at_field("options", "validation_invalid_value")},
                    Wrong{"domains", with(both_domains()), "onlyDomains"},
                    Wrong{"autodate", with(never_set()), "onCreate"},
                    Wrong{"select", with(select("a", {})), "needs its values"},
                    Wrong{"relation", with(relation("a", "")), "needs its collection"},
                    Wrong{"maxSelect", with(select("a", {"x"}).many(0)), "maxSelect"},
                    Wrong{"minSelect", with(select("a", {"x"}).many(2, 3)), "minSelect"},
                    Wrong{"min and max", with(text("a").min(3).max(2)), "greater than max"}));

std::string const kBadPattern =
    at_field("autogeneratePattern", "validation_invalid_autogenerate_pattern");
std::string const kUnfitPattern =
    at_field("autogeneratePattern", "validation_invalid_autogenerate_pattern_value");

INSTANTIATE_TEST_SUITE_P(
    Autogenerate, WrongDefinitions,
    testing::Values(Wrong{"no expression", with(text("a").autogenerate("(")), kBadPattern},
                    Wrong{"anchors", with(text("a").autogenerate("^a$")), kBadPattern},
                    Wrong{"short", with(text("a").min(3).autogenerate("a{2,9}")), kUnfitPattern},
                    Wrong{"long", with(text("a").max(8).autogenerate("a{2,9}")), kUnfitPattern},
                    Wrong{"long", with(text("a").max(8).autogenerate("a{2,9}")),
                          "gives 2 to 9 characters; the field takes 0 to 8"},
                    Wrong{"blank", with(text("a").required().autogenerate("a?")), kUnfitPattern},
                    Wrong{"other", with(text("a").pattern("^[a-z]+$").autogenerate("[a-z0-9]{9}")),
                          "gives texts that the field refuses, such as"}));

INSTANTIATE_TEST_SUITE_P(
    Indexes, WrongDefinitions,
    testing::Values(
        Wrong{"no index", indexed({"DROP TABLE things"}), "validation_invalid_index_expression"},
        Wrong{"no field", indexed({"CREATE INDEX i ON things (nothing)"}),
              "validation_invalid_index_expression"},
        Wrong{"no field in WHERE", indexed({"CREATE INDEX i ON things (a) WHERE nothing = 1"}),
              "validation_invalid_index_expression"},
        Wrong{"twice", indexed({"CREATE INDEX i ON t (a)", "CREATE INDEX I ON t (a)"}),
              "validation_duplicated_index_name"}));

TEST(Definition, SurvivesItsJson) {
  auto definition = open_to_all(
      "things", {text("a").required().min(2).max(5).pattern("x").hidden(),
                 number("b").min(-1.5).max(3).nullable(), number("c").integer(), boolean("d"),
                 email("e").unique(), url("f"), date("g").between("2020-01-01", "2030-01-01"),
                 autodate("h", false), select("i", {"x", "y"}).many(2, 1), json("j").max_bytes(9),
                 relation("k", "things").many(4).cascade_delete(), text("l").presentable(),
                 text("m").autogenerate("[a-z]{8}")});
  definition.open = true;
  definition.replica_reads = true;
  definition.update_rule = std::nullopt;
  definition.indexes = {"CREATE INDEX i ON things (a)"};
  auto const done = complete(std::move(definition));
  auto const shown = to_json(done);
  auto const read = definition_from_json(read_json(json_text(shown)).as_object());
  EXPECT_EQ(json_text(to_json(read)), json_text(shown));
  EXPECT_EQ(read.fields.size(), done.fields.size());
  EXPECT_FALSE(read.update_rule.has_value());
  EXPECT_EQ(read.list_rule, "");
  EXPECT_TRUE(read.replica_reads);
  EXPECT_EQ(read.find("k")->max_select, 4);
  EXPECT_TRUE(read.find("k")->cascades);
  EXPECT_EQ(read.find("b")->min_value, -1.5);
  EXPECT_EQ(read.find("m")->autogenerate_pattern, "[a-z]{8}");
}

TEST(Definition, AMemberOfAnotherTypeIsNamed) {
  auto const error = error_of([] { definition_from_json(object(R"({"name":5})")); });
  EXPECT_EQ(codes_of(error), "name: validation_invalid_value");
  auto const type = error_of(
      [] { definition_from_json(object(R"({"name":"a","fields":[{"name":"b","type":"c"}]})")); });
  EXPECT_EQ(codes_of(type), "type: validation_in_invalid");
}

TEST(FieldSetters, OfAnotherTypeAreRefused) {
  EXPECT_THROW(boolean("a").min(1), std::invalid_argument);
  EXPECT_THROW(text("a").integer(), std::invalid_argument);
  EXPECT_THROW(number("a").pattern("x"), std::invalid_argument);
  EXPECT_THROW(text("a").between("", ""), std::invalid_argument);
  EXPECT_THROW(text("a").many(2), std::invalid_argument);
  EXPECT_THROW(number("a").autogenerate("x"), std::invalid_argument);
  EXPECT_THROW(select("a", {"x"}).cascade_delete(), std::invalid_argument);
  EXPECT_THROW(text("a").max_bytes(2), std::invalid_argument);
}

}  // namespace
}  // namespace minga::records
