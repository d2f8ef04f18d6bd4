// What a filter means: on a real database, sentence by sentence of API.md section 4.
#include "base/time_text.hpp"
#include "records/store_testing.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <ostream>
#include <string>

namespace minga::records {
namespace {

std::string id_of(std::string_view name) {
  std::string id;
  for (char const c : name) id += c == ' ' ? '0' : c;
  id.resize(15, '0');
  return id;
}

/// A small world: things with every type of field, people that own them, pins that point to them.
class World {
 public:
  World() {
    declare();
    people();
    things();
    pins();
    documents();
  }

  /// The names of the records that match, in their order, with blanks between.
  std::string names(std::string_view collection, std::string_view filter) {
    std::string text;
    for (auto const& item : store.list(collection, filter, "name").items) {
      if (!text.empty()) text += ' ';
      text += text_of(item.as_object(), "name");
    }
    return text;
  }

  TestStore store;

 private:
  void declare() {
    store.declare(open_to_all("people", {text("name"), text("city"), number("score"),
                                         relation("boss", "people"), text("secret").hidden()}));
    auto things =
        open_to_all("things", {text("name"), text("note"), text("maybe").nullable(), number("n"),
                               number("count").integer(), boolean("ok"), date("due"),
                               select("tags", {"a", "b", "c", "ab"}).many(4), json("meta"),
                               relation("owner", "people"), relation("team", "people").many(5)});
    store.declare(std::move(things));
    store.declare(open_to_all(
        "pins", {text("name"), relation("thing", "things"), relation("both", "things").many(2),
                 relation("only", "things").unique()}));
    store.declare(open_to_all("labels", {text("name"), relation("thing", "things")}));
    auto badges = open_to_all("badges", {text("name"), relation("thing", "things"),
                                         relation("things", "things").many(3).unique()});
    badges.indexes = {"CREATE UNIQUE INDEX badges_thing ON badges (thing) WHERE thing != ''"};
    store.declare(std::move(badges));
    Definition locked;
    locked.name = "vault";
    locked.fields = {text("name"), relation("thing", "things")};
    store.declare(std::move(locked));
    auto documents = open_to_all("documents", {text("name")});
    documents.open = true;
    store.declare(std::move(documents));
    auto linked = open_to_all("linked", {text("name"), relation("vault", "vault")});
    store.declare(std::move(linked));
  }

  void add(std::string_view collection, std::string_view name, std::string_view rest) {
    auto record = object(rest);
    record["id"] = id_of(name);
    record["name"] = name;
    store.create(collection, std::move(record));
  }

  void people() {
    store.context.bypasses_rules = true;
    add("people", "eva", R"({"city":"Cusco","score":3,"secret":"x"})");
    add("people", "leo", R"({"city":"Lima","score":7,"boss":"eva000000000000"})");
    add("people", "max", R"({"city":"","boss":"leo000000000000"})");
    store.context.bypasses_rules = false;
  }

  void things() {
    add("things", "p1", R"({"note":"Alpha","maybe":"x","n":1.5,"count":1,"ok":true,
        "due":"2022-01-01 10:00:00.123Z","tags":["a","b"],"meta":{"k":1,"l":[10,{"m":"deep"}]},
        "owner":"eva000000000000","team":["eva000000000000","leo000000000000"]})");
    add("things", "p2", R"({"note":"beta","maybe":"","n":2,"count":9007199254740993,
        "due":"2022-02-01","tags":["a"],"meta":{"k":"1","l":[]},
        "owner":"leo000000000000","team":["leo000000000000"]})");
    add("things", "p3", R"({"note":"","n":-3,"tags":["b","c"],"meta":{"k":true,"e":""},
        "owner":"max000000000000"})");
    add("things", "p4", R"({"note":"10%_\\x","due":"2023-12-31 23:59:59.999Z",
        "meta":{"k":null}})");
    add("things", "p5", R"({"note":"\u00c1rbol \u0130","n":10,"count":10,"ok":true,"tags":["ab"],
        "meta":"text"})");
  }

  void pins() {
    add("pins", "q1",
        R"({"thing":"p10000000000000","both":["p10000000000000","p20000000000000"]})");
    add("pins", "q2", R"({"thing":"p10000000000000","only":"p20000000000000"})");
    add("pins", "q3", R"({"thing":"p20000000000000","only":"p30000000000000"})");
    add("badges", "one",
        R"({"thing":"p10000000000000","things":["p10000000000000","p20000000000000"]})");
    add("badges", "two", R"({"things":["p10000000000000"]})");
    add("badges", "none", "{}");
    add("badges", "also none", "{}");
    add("labels", "red", R"({"thing":"p10000000000000"})");
    add("labels", "blue", R"({"thing":"p10000000000000"})");
  }

  void documents() {
    add("documents", "d1", R"({"size":5,"a":{"b":"X"},"list":["u","v"]})");
    add("documents", "d2", R"({"size":"5","a":"plain"})");
    add("documents", "d3", R"({"size":50.5,"flag":true,"empty":""})");
    add("documents", "d4", R"({"size":null,"years":{"2024":7,"list":[{"0":"z"}]}})");
  }
};

World& world() {
  static auto const instance = std::make_unique<World>();
  return *instance;
}

struct Row {
  std::string filter, names;
};
void PrintTo(Row const& row, std::ostream* out) {
  *out << row.filter;
}

class Things : public testing::TestWithParam<Row> {};
TEST_P(Things, Match) {
  EXPECT_EQ(world().names("things", GetParam().filter), GetParam().names);
}

constexpr char const* kAll = "p1 p2 p3 p4 p5";

INSTANTIATE_TEST_SUITE_P(
    Numbers, Things,
    testing::Values(Row{"n = 1.5", "p1"}, Row{"n = 2", "p2"}, Row{"n = 2.0", "p2"},
                    Row{"n != 2", "p1 p3 p4 p5"}, Row{"n > 1", "p1 p2 p5"}, Row{"n >= 2", "p2 p5"},
                    Row{"n < 0", "p3"}, Row{"n <= 0", "p3 p4"}, Row{"2 = n", "p2"},
                    Row{"1 < n", "p1 p2 p5"}, Row{"2 <= n", "p2 p5"}, Row{"2 >= n", "p1 p2 p3 p4"},
                    Row{"0 > n", "p3"}, Row{"n = true", ""}, Row{"count = true", "p1"},
                    Row{"n = false", "p4"}, Row{"n = '2'", "p2"}, Row{"n = '1.5'", "p1"},
                    Row{"n > '9'", "p5"}, Row{"n = 'x'", ""}, Row{"n != 'x'", kAll},
                    Row{"n < 'x'", ""}, Row{"n > 'x'", ""}, Row{"n = ''", ""}, Row{"n != ''", kAll},
                    Row{"n = null", ""}, Row{"n != null", kAll}, Row{"n > null", ""},
                    Row{"count = 9007199254740993", "p2"}, Row{"count = 9007199254740992", ""},
                    Row{"count > 9007199254740992", "p2"}, Row{"n = count", "p4 p5"},
                    Row{"n > count", "p1"}, Row{"ok = true", "p1 p5"}, Row{"ok = 1", "p1 p5"},
                    Row{"ok = false", "p2 p3 p4"}, Row{"ok != true", "p2 p3 p4"},
                    Row{"ok = '1'", "p1 p5"}, Row{"ok = count", "p1 p3 p4"}));

INSTANTIATE_TEST_SUITE_P(
    Texts, Things,
    testing::Values(Row{"note = 'beta'", "p2"}, Row{"note = 'BETA'", ""},
                    Row{"note > 'a'", "p2 p5"}, Row{"note < 'a'", "p1 p3 p4"},
                    Row{"note = ''", "p3"}, Row{"note = null", "p3"},
                    Row{"note != ''", "p1 p2 p4 p5"}, Row{"note != null", "p1 p2 p4 p5"},
                    Row{"note != 'beta'", "p1 p3 p4 p5"},
                    Row{"name = 'p1' || note = 'beta'", "p1 p2"}, Row{"name < note", "p5"},
                    Row{"note = 5", ""}, Row{"'x' = 'x'", kAll}, Row{"1 = 2", ""},
                    Row{"'' = null", kAll}, Row{"null = null", kAll}, Row{"null != null", ""},
                    Row{"1 = '1'", kAll}, Row{"true = 1", kAll}, Row{"'b' > 'a'", kAll},
                    Row{"tRuE = TRUE && fAlSe = false && NuLl = null", kAll}));

INSTANTIATE_TEST_SUITE_P(NullableText, Things,
                         testing::Values(Row{"maybe = null", "p3 p4 p5"},
                                         Row{"maybe != null", "p1 p2"}, Row{"maybe = ''", "p2"},
                                         Row{"maybe != ''", "p1 p3 p4 p5"},
                                         Row{"maybe != 'x'", "p2 p3 p4 p5"},
                                         Row{"maybe < 'z'", "p1 p2"}, Row{"maybe >= ''", "p1 p2"},
                                         Row{"maybe ~ 'x'", "p1"}, Row{"maybe !~ 'x'", "p2"}));

INSTANTIATE_TEST_SUITE_P(
    Dates, Things,
    testing::Values(Row{"due = '2022-01-01 10:00:00.123Z'", "p1"},
                    Row{"due = '2022-01-01T10:00:00.123Z'", "p1"},
                    Row{"due = '2022-01-01 12:00:00.123+02:00'", "p1"},
                    Row{"due > '2022-01-01'", "p1 p2 p4"}, Row{"due < '2022-01-01'", "p3 p5"},
                    Row{"due = '2022-02-01'", ""},
                    Row{"due >= '2022-02-01' && due < '2022-03'", "p2"},
                    Row{"due < '2022-02'", "p1 p3 p5"},
                    Row{"due > '2022-01-01 10:00:00'", "p1 p2 p4"}, Row{"due = ''", "p3 p5"},
                    Row{"due = null", "p3 p5"}, Row{"due < @now", kAll},
                    Row{"due > '2022' && due < @now", "p1 p2 p4"}, Row{"due ~ '2022'", "p1 p2"},
                    Row{"due ~ '.999Z'", "p4"}, Row{"'2022-01-15' > due", "p1 p3 p5"},
                    Row{"due = 'soon'", ""}));

INSTANTIATE_TEST_SUITE_P(
    JsonPaths, Things,
    testing::Values(Row{"meta.k = 1", "p1 p2 p3"}, Row{"meta.k = '1'", "p1 p2 p3"},
                    Row{"meta.k = true", "p1 p2 p3"}, Row{"meta.k = null", "p4 p5"},
                    Row{"meta.k != null", "p1 p2 p3"}, Row{"meta.k = ''", ""},
                    Row{"meta.e = ''", "p3"}, Row{"meta.e = null", "p1 p2 p4 p5"},
                    Row{"meta.l.0 = 10", "p1"}, Row{"meta.l.1.m = 'deep'", "p1"},
                    Row{"meta.l.1.m ~ 'EE'", "p1"}, Row{"meta.l = '[10,{\"m\":\"deep\"}]'", "p1"},
                    Row{"meta.l = '[]'", "p2"}, Row{"meta = 'text'", "p5"},
                    Row{"meta.nothing.there = null", kAll}, Row{"meta.k > 0", "p1 p2 p3"},
                    Row{"meta.k < 2", "p1 p2 p3"}, Row{"meta.k !~ 'x'", "p1 p2 p3"},
                    Row{"meta.l.1.m:lower = 'deep'", "p1"}, Row{"meta.k = count", "p1"},
                    Row{"meta.99999999999999999999 = null", kAll}));

INSTANTIATE_TEST_SUITE_P(Contains, Things,
                         testing::Values(Row{"note ~ 'ALPH'", "p1"}, Row{"note ~ 'a'", "p1 p2"},
                                         Row{"note !~ 'a'", "p3 p4 p5"}, Row{"note ~ ''", kAll},
                                         Row{"note ~ '\xC3\xA1RBOL'", "p5"},
                                         Row{"note ~ '_'", "p4"}, Row{"note ~ \"\\\\\"", "p4"},
                                         Row{"note ~ '\\%'", "p4"}, Row{"note ~ '0\\%\\_'", "p4"},
                                         Row{"note ~ 'a%'", "p1"}, Row{"note ~ '%a'", "p1 p2"},
                                         Row{"note ~ '_eta%'", "p2"}, Row{"note ~ '%'", kAll},
                                         Row{"note ~ '10\\%%'", "p4"},
                                         Row{"note !~ 'b%'", "p1 p3 p4 p5"}, Row{"n ~ 1.5", "p1"},
                                         Row{"n ~ '1'", "p1 p5"}, Row{"n ~ '.0'", ""},
                                         Row{"'Alphabet' ~ note", "p1 p3"}, Row{"note ~ name", ""},
                                         Row{"name ~ note", "p3"}, Row{"note ~ null", ""},
                                         Row{"note !~ null", ""}, Row{"'abc' ~ 'B'", kAll},
                                         Row{"note ~ '\xC3\xA1_bol%'", "p5"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, Things,
    testing::Values(
        Row{"tags = 'a'", "p2"}, Row{"tags ?= 'a'", "p1 p2"}, Row{"tags != 'a'", "p3 p4 p5"},
        Row{"tags ?!= 'a'", "p1 p3 p5"}, Row{"tags = ''", "p4"}, Row{"tags = null", "p4"},
        Row{"tags != ''", "p1 p2 p3 p5"}, Row{"tags ~ 'a'", "p1 p2 p5"},
        Row{"tags !~ 'a'", "p3 p4"}, Row{"tags ?~ 'a'", "p1 p2 p5"}, Row{"tags ?!~ 'a'", "p1 p3"},
        Row{"tags = '[\"a\",\"b\"]'", "p1"}, Row{"tags = '[]'", "p4"},
        Row{"tags != '[]'", "p1 p2 p3 p5"}, Row{"'a' = tags", "p2"}, Row{"'a' ?= tags", "p1 p2"},
        Row{"tags > 'a'", "p3 p5"}, Row{"tags ?> 'a'", "p1 p3 p5"}, Row{"tags < 'b'", "p2 p4 p5"},
        Row{"team = 'leo000000000000'", "p2"}, Row{"team ?= owner", "p1 p2"},
        Row{"team ~ 'leo'", "p1 p2"}, Row{"tags ?= team", ""}));

INSTANTIATE_TEST_SUITE_P(
    Modifiers, Things,
    testing::Values(Row{"tags:length = 0", "p4"}, Row{"tags:length > 1", "p1 p3"},
                    Row{"team:length = 2", "p1"}, Row{"tags:each = 'a'", "p2"},
                    Row{"tags:each ?= 'a'", "p1 p2"}, Row{"tags:each != 'a'", "p3 p4 p5"},
                    Row{"tags:each ?!= 'a'", "p1 p3 p4 p5"}, Row{"tags:each = ''", "p4"},
                    Row{"tags:each ~ 'b'", "p5"}, Row{"tags:each ?~ 'b'", "p1 p3 p5"},
                    Row{"tags:each ?= 'a' && tags:each ?= 'b'", ""},
                    Row{"note:lower = 'alpha'", "p1"}, Row{"note:lower = '\xC3\xA1rbol i'", "p5"},
                    Row{"note:lower = 'Alpha'", ""}));

INSTANTIATE_TEST_SUITE_P(
    Relations, Things,
    testing::Values(
        Row{"owner = 'eva000000000000'", "p1"}, Row{"owner.id = 'eva000000000000'", "p1"},
        Row{"owner = ''", "p4 p5"}, Row{"owner.name = 'leo'", "p2"},
        Row{"owner.city = ''", "p3 p4 p5"}, Row{"owner.city != 'Lima'", "p1 p3 p4 p5"},
        Row{"owner.city < 'Lima'", "p1 p3"}, Row{"owner.score > 2", "p1 p2"},
        Row{"owner.score = 0", "p3"}, Row{"owner.score = null", "p4 p5"},
        Row{"owner.score != 3", "p2 p3 p4 p5"}, Row{"owner.boss.name = 'eva'", "p2"},
        Row{"owner.boss.boss.name = 'eva'", "p3"}, Row{"owner.boss = 'leo000000000000'", "p3"},
        Row{"owner.boss.boss.boss.boss.boss.name = 'eva'", ""},
        Row{"owner.name ~ 'E' && owner.city = 'Lima'", "p2"}, Row{"owner.city !~ 'Lima'", "p1 p3"},
        Row{"team.name = 'leo'", "p2"}, Row{"team.name ?= 'leo'", "p1 p2"},
        Row{"team.name != 'leo'", "p3 p4 p5"}, Row{"team.name ?!= 'leo'", "p1 p3 p4 p5"},
        Row{"team.name ?= 'leo' && team.city ?= 'Lima'", "p1 p2"},
        Row{"team.name ?= 'leo' && team.city ?= 'Cusco'", ""}, Row{"team.score > 2", "p1 p2"},
        Row{"team.score > 3", "p2"}, Row{"team.id ?= 'eva000000000000'", "p1"},
        Row{"team.boss.name ?= 'eva'", "p1 p2"}, Row{"team.boss.name = 'eva'", "p2"},
        Row{"team.name = owner.name", "p2 p4 p5"}, Row{"team.name ?= owner.name", "p1 p2 p4 p5"},
        Row{"team.name ?= 'leo' || n < 0", "p1 p2 p3"}));

INSTANTIATE_TEST_SUITE_P(
    BackRelations, Things,
    testing::Values(
        Row{"pins_via_thing.name ?= 'q1'", "p1"}, Row{"pins_via_thing.name = 'q1'", ""},
        Row{"pins_via_thing.name = 'q3'", "p2"}, Row{"pins_via_thing.name = ''", "p3 p4 p5"},
        Row{"pins_via_thing.id ?!= ''", "p1 p2"}, Row{"pins_via_both.name = 'q1'", "p1 p2"},
        Row{"pins_via_only.name = 'q2'", "p2"}, Row{"pins_via_only.name != 'q2'", "p1 p3 p4 p5"},
        Row{"pins_via_thing.name ~ 'q'", "p1 p2"}, Row{"pins_via_thing.only.name ?= 'p2'", "p1"},
        Row{"pins_via_thing.name ?= 'q1' && labels_via_thing.name ?= 'red'", "p1"},
        Row{"pins_via_thing.name ?= 'q1' && pins_via_thing.name ?= 'q2'", ""},
        Row{"pins_via_thing.both:length ?= 2", "p1"}, Row{"pins_via_thing.both ?= ''", ""},
        Row{"pins_via_thing.both = ''", "p2 p3 p4 p5"}, Row{"pins_via_thing.both = 'zzz'", ""},
        Row{"pins_via_thing.both != 'zzz'", "p1 p2 p3 p4 p5"},
        Row{"pins_via_thing.both < 'zzz'", "p1 p2"}, Row{"pins_via_thing.both !~ 'x'", "p1 p2"},
        Row{"pins_via_thing.both = '[]'", "p2"},
        Row{"badges_via_thing.name != 'none'", "p1 p2 p3 p4 p5"},
        Row{"badges_via_things.name = 'one'", "p2"}));

INSTANTIATE_TEST_SUITE_P(
    Functions, Things,
    testing::Values(
        Row{"strftime('%Y', due) = '2022'", "p1 p2"}, Row{"strftime('%Y', due) = 2022", "p1 p2"},
        Row{"strftime('%Y', due) = ''", "p3 p5"},
        Row{"strftime('%d.%m.%Y', due) = '01.02.2022'", "p2"},
        Row{"strftime('%H:%M:%S', due) = '10:00:00'", "p1"},
        Row{"strftime('%f', due) = '00.123'", "p1"},
        Row{"strftime('%j %w %s', due) = '001 6 1641031200'", "p1"},
        Row{"strftime('%F', due) = '2022-01-01'", "p1"},
        Row{"strftime('%T', due) = '10:00:00'", "p1"}, Row{"strftime('%R', due) = '10:00'", "p1"},
        Row{"strftime('%u', due) = '6'", "p1"}, Row{"strftime('%u', due) = '7'", "p4"},
        Row{"strftime('%%u=%u%%', due) = '%u=2%'", "p2"}, Row{"strftime('%W', due) = '52'", "p4"},
        Row{"strftime('%F', due, '+1 days') = '2024-01-01'", "p4"},
        Row{"strftime('%F', due, 'start of month', '-1 months') = '2021-12-01'", "p1"},
        Row{"strftime('%F', due, 'weekday 0') = '2022-01-02'", "p1"},
        Row{"strftime('%F', 86400, 'unixepoch') = '1970-01-02'", kAll},
        Row{"strftime('%F', note) = ''", kAll}, Row{"strftime('%Y') = strftime('%Y', @now)", kAll},
        Row{"geoDistance(0, 0, 0, 0) = 0", kAll},
        Row{"geoDistance(0, 0, 180, 0) > 20015 && geoDistance(0, 0, 180, 0) < 20016", kAll},
        Row{"geoDistance(-72, -13.5, n, 0) < 9000", "p1 p2 p3 p4"},
        Row{"geoDistance(0, 0, n, 0) < 200", "p1 p4"},
        Row{"geoDistance(0, 0, note, 0) = null", kAll},
        Row{"geoDistance(0, 0, team.score, 0) < 400", "p1"}));

class Documents : public testing::TestWithParam<Row> {};
TEST_P(Documents, Match) {
  EXPECT_EQ(world().names("documents", GetParam().filter), GetParam().names);
}
INSTANTIATE_TEST_SUITE_P(
    UndeclaredKeys, Documents,
    testing::Values(Row{"size = 5", "d1 d2"}, Row{"size > 10", "d3"}, Row{"size = null", "d4"},
                    Row{"a.b = 'X'", "d1"}, Row{"a.b:lower = 'x'", "d1"}, Row{"a = 'plain'", "d2"},
                    Row{"flag = true", "d3"}, Row{"empty = ''", "d3"}, Row{"list.1 = 'v'", "d1"},
                    Row{"list = '[\"u\",\"v\"]'", "d1"}, Row{"a = '{\"b\":\"X\"}'", "d1"},
                    Row{"nowhere != 'x'", "d1 d2 d3 d4"}, Row{"size = true", ""},
                    Row{"True = true", "d1 d2 d3 d4"}, Row{"years.2024 = 7", "d4"},
                    Row{"years.list.0.0 = 'z'", "d4"}, Row{"years.0 = null", "d1 d2 d3 d4"},
                    Row{"a.1.2.3.4.5.6 = null", "d1 d2 d3 d4"}));

TEST(UndeclaredKeys, ThatNoJsonPathSpellsAreErrorsOrNothing) {
  for (auto const* filter :
       {"a..b = 1", "a:b.c = 1", "a.0x = 1", "_open.size = 5", "a.b.:each = 1"}) {
    try {
      EXPECT_EQ(world().names("documents", filter), "") << filter;
    } catch (Error const& error) {
      EXPECT_EQ(error.status(), 400) << filter;
    }
  }
}

struct Refused {
  std::string filter;
  int status;
  std::string says;
};
void PrintTo(Refused const& row, std::ostream* out) {
  *out << row.filter;
}
class NotForClients : public testing::TestWithParam<Refused> {};
TEST_P(NotForClients, IsSaid) {
  auto const error = error_of([] { world().names("things", GetParam().filter); });
  EXPECT_EQ(error.status(), GetParam().status);
  auto const text = error.data().empty()
                        ? error.message()
                        : text_of(error.data().at("filter").as_object(), "message");
  EXPECT_NE(text.find(GetParam().says), std::string::npos) << text;
}
INSTANTIATE_TEST_SUITE_P(
    Names, NotForClients,
    testing::Values(
        Refused{"nothing = 1", 400, "no field 'nothing'"},
        Refused{"name.more = 1", 400, "no field 'name.more'"},
        Refused{"owner.secret = 'x'", 400, "no field 'owner.secret'"},
        Refused{"owner.nothing = 'x'", 400, "no field"},
        Refused{"vault_via_thing.name = 'x'", 400, "may not be listed"},
        Refused{"pins_via_nothing.name = 'x'", 400, "no relation"},
        Refused{"nobody_via_thing.name = 'x'", 400, "no relation"},
        Refused{"labels_via_name.name = 'x'", 400, "no relation"},
        Refused{"owner.boss.boss.boss.boss.boss.boss.name = 'x'", 400, "more than 6"},
        Refused{"@request.auth.id = ''", 403, "Only superusers can filter by @request."},
        Refused{"@collection.people.name = ''", 403, "Only superusers can filter by @collection."},
        Refused{"@tomorrowish = 1", 400, "no macro"}, Refused{"name:shout = 1", 400, ":shout"},
        Refused{"name:length = 1", 400, ":length"}, Refused{"name:each = 1", 400, ":each"},
        Refused{"n:lower = 1", 400, ":lower"}, Refused{"tags:lower = 1", 400, ":lower"},
        Refused{"name:isset = true", 400, ":isset"}, Refused{"shout(1) = 1", 400, "no function"},
        Refused{"geoDistance(1, 2, 3) = 1", 400, "lonA"},
        Refused{"geoDistance(tags, 2, 3, 4) = 1", 400, "list"},
        Refused{"strftime() = 1", 400, "arguments"}, Refused{"strftime(name) = 1", 400, "texts"},
        Refused{"strftime('%Q', due) = 1", 400, "strftime knows"},
        Refused{"strftime('%', due) = 1", 400, "strftime knows"},
        Refused{"strftime('%Y', due, name) = 1", 400, "texts"},
        Refused{"strftime('%Y', due, 'localtime') = 1", 400, "modifier"},
        Refused{"strftime('%Y', due, 'utc') = 1", 400, "modifier"},
        Refused{"strftime('%Y', due, '+1 weeks') = 1", 400, "modifier"},
        Refused{"strftime('%Y', due, 'weekday 7') = 1", 400, "modifier"},
        Refused{"strftime('%Y', due, 'start of hour') = 1", 400, "modifier"},
        Refused{"strftime('%Y','a','+1 days','+1 days','+1 days','+1 days','+1 days','+1 days',"
                "'+1 days','+1 days','+1 days') = 1",
                400, "arguments"}));

TEST(Privileged, MayNameHiddenFieldsAndLockedCollections) {
  auto& store = world().store;
  store.context.bypasses_rules = true;
  EXPECT_EQ(world().names("things", "owner.secret = 'x'"), "p1");
  EXPECT_EQ(world().names("people", "secret = 'x'"), "eva");
  EXPECT_EQ(world().names("things", "vault_via_thing.name = ''"), kAll);
  store.context.bypasses_rules = false;
  EXPECT_EQ(error_of([] { world().names("people", "secret = 'x'"); }).status(), 400);
  EXPECT_EQ(error_of([] { world().names("linked", "vault.name = 'x'"); }).status(), 400);
  EXPECT_EQ(world().names("linked", "vault.id = 'x'"), "") << "the relation itself";
}

TEST(EmptyFilter, IsNoFilter) {
  EXPECT_EQ(world().names("things", ""), kAll);
  EXPECT_EQ(error_of([] { world().names("things", " "); }).status(), 400);
}

// The engine's own limits must never be what a client meets.

std::string times(std::size_t count, std::string_view what, std::string_view joint) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text.append(i == 0 ? "" : joint).append(what);
  return text;
}

TEST(FilterLimits, TwoHundredComparisons) {
  EXPECT_EQ(world().names("things", times(200, "n=2", "||")), "p2");
  EXPECT_EQ(world().names("things", times(200, "n=2", "&&")), "p2");
  EXPECT_EQ(world().names("things", times(150, "tags ?= 'a'", "&&")), "p1 p2");
}

TEST(FilterLimits, SixtyFourNestedGroups) {
  std::string right, left;
  for (int i = 0; i < 64; ++i) right += i % 2 == 0 ? "n=1&&(" : "n=2||(";
  right += "n=3" + std::string(64, ')');
  EXPECT_NO_THROW(world().names("things", right));
  left = std::string(64, '(') + "n=3";
  for (int i = 0; i < 64; ++i) left += i % 2 == 0 ? ")&&n=2" : ")||n=2";
  EXPECT_EQ(world().names("things", left), "p2");
  std::string each = std::string(64, '(') + "tags:each='a'";
  for (int i = 0; i < 64; ++i) each += ")||team.name='x'";
  EXPECT_EQ(world().names("things", each), "p2");
}

/// Filters over as many different paths as are asked for.
std::string over_paths(std::size_t count) {
  std::vector<std::pair<std::string, bool>> paths{{"", true}};  // whether it leads to a thing
  for (std::size_t i = 0; paths.size() <= count; ++i) {
    auto const [path, is_thing] = paths[i];
    if (is_thing) {
      for (auto const* next : {"owner.", "team."}) paths.emplace_back(path + next, false);
    } else {
      paths.emplace_back(path + "boss.", false);
      for (auto const* next : {"things_via_owner.", "things_via_team."})
        paths.emplace_back(path + next, true);
    }
  }
  std::string filter;
  for (std::size_t i = 1; i <= count; ++i)
    filter += (i == 1 ? "" : "||") + paths[i].first + "name?='x'";
  return filter;
}

TEST(FilterLimits, ManyPathsAreRefusedBeforeTheEngineDoes) {
  EXPECT_EQ(world().names("things", over_paths(50)), "");
  auto const error = error_of([] { world().names("things", over_paths(51)); });
  EXPECT_EQ(error.status(), 400);
  EXPECT_EQ(codes_of(error), "filter: validation_invalid_filter");
}

RC_GTEST_PROP(AnyFilter, IsAnsweredOrRefused, ()) {
  auto const pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "name", "n", "ok", "due", "tags", "tags:each", "team:length", "meta", "meta.k", "meta.l.0",
      "owner", "owner.name", "team.score", "pins_via_thing.name", "@now", "@day", "true", "null",
      "strftime('%Y',", "geoDistance(", ")", "(", "1", "2,", "-3.5", "'x'", "'%_'", "\"\\u0041\"",
      ",", "..", ":lower", "name = 'p1'", "tags ?= 'a'", "team.name = 'leo'"));
  static std::vector<std::string> const joints{" ",    " = ", " != ", " ~ ",
                                               " ?= ", " < ", " && ", " || "};
  std::string filter = "name = 'p1'";
  for (auto const& piece : pieces) filter += *rc::gen::elementOf(joints) + piece;
  try {
    RC_ASSERT(world().store.list("things", filter).total_items >= 0);
  } catch (Error const& error) {
    RC_ASSERT(error.status() == 400);
  }
}

TEST(Macros, AreOneInstantInUtc) {
  auto& store = world().store;
  auto const holds = [&](std::string const& filter) {
    return store.list("people", filter).total_items == 3;
  };
  EXPECT_TRUE(holds("@now > '2024' && @now < '2100'"));
  EXPECT_TRUE(holds("@yesterday < @now && @tomorrow > @now"));
  EXPECT_TRUE(holds("@todayStart <= @now && @todayEnd >= @now && @todayStart ~ ' 00:00:00.000Z'"));
  EXPECT_TRUE(holds("@todayEnd ~ ' 23:59:59.999Z' && @monthEnd ~ '.999Z' && @yearEnd ~ '-12-31 '"));
  EXPECT_TRUE(holds("@monthStart <= @todayStart && @yearStart <= @monthStart"));
  EXPECT_TRUE(holds("@monthStart ~ '-01 00:00' && @yearStart ~ '-01-01 00:00:00.000Z'"));
  EXPECT_TRUE(holds("strftime('%Y', @now) = @year && strftime('%m', @monthStart) ~ @month"));
  EXPECT_TRUE(holds("@second >= 0 && @second < 60 && @minute < 60 && @hour < 24 && @day <= 31"));
  EXPECT_TRUE(holds("@weekday < 7 && strftime('%w', @now) = @weekday"));
}

}  // namespace
}  // namespace minga::records
