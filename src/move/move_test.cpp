#include "base/json_text.hpp"
#include "move/checksum.hpp"
#include "move/fence.hpp"
#include "move/mark.hpp"
#include "move/mover.hpp"
#include "records/import.hpp"
#include "records/store.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace minga::move {
namespace {

using testing_support::PostgresEngine;
using testing_support::SqliteEngine;

Async<Report> run_mover(Source source, sql::Database& target) {
  Settings settings;
  settings.to = "elsewhere";
  Mover mover(std::move(source), target, std::move(settings));
  co_return co_await mover.run();
}

/// Both on the source's first I/O thread.
template <class From, class To>
Report move_site(From& from, To& to) {
  auto source =
      from.database->is_exclusive() ? own_source(*from.database) : shared_source(*from.database);
  return from.run(run_mover(std::move(source), *to.database));
}

template <class Engine>
std::unique_ptr<records::Store> open_store(Engine& engine) {
  auto store = std::make_unique<records::Store>(*engine.database, engine.metrics);
  engine.run(store->open());
  return store;
}

template <class Engine>
std::string export_all(Engine& engine) {
  auto const store = open_store(engine);
  records::Context context;
  context.bypasses_rules = true;
  std::string text;
  for (auto const& definition : store->schema()->all()) {
    text += json_text(records::to_json(definition)) + '\n';
    for (auto& record : engine.run(store->scan(context, definition.name, "", "", 100'000)))
      text += records::export_line(std::move(record));
  }
  return text;
}

using Generator = rc::Gen<std::string>;

Generator any_text() {
  return rc::gen::element<std::string>("", "a", "\xC3\xB1", "\xF0\x9F\x98\x80", "'\"\\", "a\nb\t",
                                       "Z", "z", "\xE2\x80\xA8", std::string(3'000, 'x'));
}

Json any_json(int depth) {
  auto const kind = *rc::gen::inRange(0, depth > 2 ? 4 : 6);
  if (kind == 0) return nullptr;
  if (kind == 1) return *rc::gen::arbitrary<bool>();
  if (kind == 2) return Json(*any_text());
  if (kind == 3)
    return *rc::gen::element(0.5, -0.0, 1e300, 5e-324, 1.0 / 3, -2.0, 9007199254740993.0);
  auto const size = *rc::gen::inRange(0, 4);
  if (kind == 4) {
    JsonArray list;
    for (int i = 0; i < size; ++i) list.push_back(any_json(depth + 1));
    return list;
  }
  JsonObject made;
  for (int i = 0; i < size; ++i) made["k" + std::to_string(i)] = any_json(depth + 1);
  return made;
}

/// A field of some type, with a value for it.
struct AnyField {
  Field field;
  Json value;
};

AnyField any_field(std::string const& name) {
  switch (*rc::gen::inRange(0, 10)) {
    case 0:
      return {text(name), Json(*any_text())};
    case 1:
      return {number(name),
              *rc::gen::element(0.0, -0.0, 1.5, -1e-300, 1.7976931348623157e308, 0.1)};
    case 2:
      return {number(name).integer(),
              *rc::gen::element<std::int64_t>(0, -1, std::int64_t{1} << 53, 42)};
    case 3:
      return {boolean(name), *rc::gen::arbitrary<bool>()};
    case 4:
      return {date(name), "2026-11-21 13:00:00.123Z"};
    case 5:
      return {select(name, {"a", "b", "c"}).many(3), JsonArray{"c", "a"}};
    case 6:
      return {json(name), any_json(0)};
    case 7:
      return {number(name).nullable(), nullptr};
    case 8:
      return {autodate(name), nullptr};
    default:
      return {text(name).nullable(), *rc::gen::arbitrary<bool>() ? Json(*any_text()) : Json()};
  }
}

/// Collections of any fields with records in them.
template <class Engine>
void fill(Engine& engine) {
  auto const store = open_store(engine);
  records::Context context;
  context.bypasses_rules = true;
  auto const collections = *rc::gen::inRange(1, 4);
  for (int c = 0; c < collections; ++c) {
    auto const name = "Things" + std::to_string(c);
    auto const fields = *rc::gen::inRange(0, 6);
    std::vector<Field> declared;
    for (int f = 0; f < fields; ++f) declared.push_back(any_field("f" + std::to_string(f)).field);
    declared.push_back(text("code").unique());
    auto definition = records::open_to_all(name, declared);
    definition.open = *rc::gen::arbitrary<bool>();
    engine.run(store->declare(definition));
    auto const count = *rc::gen::inRange(0, 40);
    for (int r = 0; r < count; ++r) {
      JsonObject input;
      for (int f = 0; f < fields; ++f) {
        auto const& field = declared[static_cast<std::size_t>(f)];
        auto any = any_field(field.name);
        if (any.field.type == field.type && any.field.only_int == field.only_int &&
            any.field.is_nullable == field.is_nullable)
          input[field.name] = any.value;
      }
      if (definition.open) input["undeclared"] = any_json(0);
      input["code"] = "code " + std::to_string(r);
      engine.run(store->create(context, name, std::move(input)));
    }
  }
}

/// What is moved to the other engine and back is the same to the last byte, and so are the
/// checksums on either.
RC_GTEST_PROP(Move, ThereAndBackIsTheSame, ()) {
  SqliteEngine first, last;
  PostgresEngine between;
  fill(first);
  auto const before = export_all(first);
  auto const there = move_site(first, between);
  RC_ASSERT(export_all(between) == before);
  auto const back = move_site(between, last);
  RC_ASSERT(export_all(last) == before);
  RC_ASSERT(there.tables.size() == back.tables.size());
  for (std::size_t i = 0; i < there.tables.size(); ++i) {
    RC_ASSERT(there.tables[i].rows == back.tables[i].rows);
    RC_ASSERT(there.tables[i].checksum == back.tables[i].checksum);
  }
}

/// A swap of unique values, and a value that wandered, while the move stood still half way.
TEST(Move, CarriesOverWhatTradedUniqueValues) {
  SqliteEngine from, to;
  auto store = open_store(from);
  records::Context context;
  context.bypasses_rules = true;
  from.run(store->declare(records::open_to_all("things", {text("code").unique()})));
  auto const create = [&](std::string const& id, std::string const& code) {
    JsonObject input{{"id", id}, {"code", code}};
    from.run(store->create(context, "things", std::move(input)));
  };
  auto const update = [&](std::string const& id, std::string const& code) {
    from.run(store->update(context, "things", id, JsonObject{{"code", code}}));
  };
  create("aaaaaaaaaaaaaaa", "one");
  create("bbbbbbbbbbbbbbb", "two");
  Settings stopping;
  stopping.progress = [](Progress const&) {
    throw std::runtime_error("stopped");
  };
  auto const stopped = [](Source source, sql::Database& target,
                          Settings settings) -> Async<Report> {
    Mover mover(std::move(source), target, std::move(settings));
    co_return co_await mover.run();
  };
  EXPECT_THROW(from.run(stopped(own_source(*from.database), *to.database, stopping)),
               std::runtime_error);
  EXPECT_THROW(to.run(refuse_unfinished(*to.database)), std::runtime_error);
  update("aaaaaaaaaaaaaaa", "three");
  update("bbbbbbbbbbbbbbb", "one");
  update("aaaaaaaaaaaaaaa", "two");
  create("ccccccccccccccc", "three");
  store.reset();
  auto const before = export_all(from);
  move_site(from, to);
  EXPECT_EQ(export_all(to), before);
  EXPECT_NO_THROW(to.run(refuse_unfinished(*to.database)));
}

TEST(Move, GoesOnBeforeItWasServed) {
  SqliteEngine first, last;
  PostgresEngine between;
  open_store(first);
  move_site(first, between);
  move_site(between, last);
  auto const epoch_of = [](auto& engine) {
    return engine.run(find_setting(*engine.database, "epoch"));
  };
  EXPECT_TRUE(epoch_of(last));
  EXPECT_NE(epoch_of(first), epoch_of(between));
  EXPECT_NE(epoch_of(between), epoch_of(last));
}

TEST(Move, ClosesAPostgresSourceAndOpensItAgain) {
  PostgresEngine from;
  SqliteEngine to;
  open_store(from);
  EXPECT_NO_THROW(from.run(refuse_moved(*from.database)));
  move_site(from, to);
  EXPECT_EQ(from.run(moved_to(*from.database)), "elsewhere");
  EXPECT_THROW(from.run(refuse_moved(*from.database)), std::runtime_error);
  auto const write = [&] {
    from.run(from.database->write(sql::Statement("INSERT INTO _counters VALUES ('a', 1)")));
  };
  EXPECT_THROW(write(), sql::Error);
  from.run(from.database->write_all(unfence(from.database->dialect())));
  EXPECT_NO_THROW(write());
  EXPECT_NO_THROW(from.run(refuse_moved(*from.database)));
}

/// A new table of the platform needs a place here: carried over, or left behind.
TEST(Move, KnowsEveryTableOfThePlatform) {
  SqliteEngine engine;
  open_store(engine);
  auto known = tables_left_behind();
  known.insert(known.end(), gates().begin(), gates().end());
  for (auto const& table : engine.run(tables_of(*engine.database)))
    EXPECT_NE(std::find(known.begin(), known.end(), table), known.end()) << table;
}

TEST(Move, RefusesASourceOfAnEarlierVersion) {
  SqliteEngine from, to;
  open_store(from);
  from.run(from.database->write(sql::Statement("DELETE FROM _migrations WHERE number > 0")));
  EXPECT_THROW(move_site(from, to), std::runtime_error);
  EXPECT_TRUE(to.run(tables_of(*to.database)).empty());
}

TEST(Checksum, TellsRowsApart) {
  using Rows = std::vector<Row>;
  auto const sum = [](Rows const& rows) {
    Checksum checksum;
    for (auto const& row : rows) checksum.add(row);
    return checksum.text();
  };
  std::vector<Rows> const different{
      {},
      {{std::string("")}},
      {{sql::Null{}}},
      {{std::string("a"), std::string("bc")}},
      {{std::string("ab"), std::string("c")}},
      {{std::string("ab")}, {std::string("c")}},
      {{std::int64_t{1}}},
      {{1.0}},
      {{true}},
      {{false}},
      {{std::string("1")}},
      {{1.5}, {2.5}},
      {{2.5}, {1.5}},
  };
  std::set<std::string> sums;
  for (auto const& rows : different) sums.insert(sum(rows));
  EXPECT_EQ(sums.size(), different.size());
  EXPECT_EQ(sum({{0.0}}), sum({{-0.0}})) << "SQLite stores no -0";
}

RC_GTEST_PROP(Mark, ReadsWhatItWrote, ()) {
  Mark mark;
  mark.source = *rc::gen::arbitrary<std::string>() + "x";
  if (holds_zero(Json(mark.source))) mark.source = "zero";
  boost::system::error_code failure;
  read_json(json_text(Json(mark.source)), failure);
  if (failure) mark.source = "no text";
  mark.place = {*rc::gen::inRange<std::int64_t>(0, std::numeric_limits<std::int64_t>::max()),
                *rc::gen::inRange<std::int64_t>(0, std::numeric_limits<std::int64_t>::max())};
  mark.copied = {"done", "also"};
  mark.after["part"] = Key{std::string("scope"), *rc::gen::arbitrary<std::int64_t>()};
  auto const read = Mark::parse(mark.text());
  RC_ASSERT(read.text() == mark.text());
  RC_ASSERT(read.place == mark.place);
  RC_ASSERT(read.covers("done", Key{std::string("anything")}));
  RC_ASSERT(read.covers("part", mark.after["part"]));
  RC_ASSERT(!read.covers("part", Key{std::string("scopf"), std::int64_t{0}}));
  RC_ASSERT(!read.covers("not begun", Key{std::string("a")}));
}

}  // namespace
}  // namespace minga::move
