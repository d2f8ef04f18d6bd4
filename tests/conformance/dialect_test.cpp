// What the dialects' expressions answer: on PostgreSQL the same as on SQLite.
#include "sql/migrations.hpp"
#include "support/engine.hpp"
#include "support/postgres_engine.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

namespace minga::sql {
namespace {

using testing_support::PostgresEngine;
using testing_support::SqliteEngine;

/// Both engines with the same rows.
class DialectTest : public testing::Test {
 protected:
  DialectTest() {
    sqlite_.run(migrate(*sqlite_.database, {}));
    postgres_.run(migrate(*postgres_.database, {}));
  }

  template <class Engine>
  static std::string text(Value const& value) {
    if (auto const* each = std::get_if<std::string>(&value)) return "'" + *each + "'";
    if (auto const* each = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *each);
    if (auto const* each = std::get_if<double>(&value)) return fmt::format("{}", *each);
    return "null";
  }

  /// The first column, row by row.
  template <class Engine>
  static std::string ask(Engine& engine, std::string sql, Params values = {}) {
    Statement statement(std::move(sql), std::move(values));
    auto const rows = engine.run(engine.database->read(std::move(statement)));
    std::string all;
    for (std::size_t i = 0; i < rows.size(); ++i)
      all += (i == 0 ? "" : " ") + text<Engine>(rows.at(i, 0));
    return all;
  }

  template <class Make>
  void create(Make make) {
    sqlite_.run(sqlite_.database->write(Statement(make(sqlite_.database->dialect()))));
    postgres_.run(postgres_.database->write(Statement(make(postgres_.database->dialect()))));
  }
  void insert(std::string const& sql, Params const& values) {
    sqlite_.run(sqlite_.database->write(Statement(sql, values)));
    postgres_.run(postgres_.database->write(Statement(sql, values)));
  }

  SqliteEngine sqlite_;
  PostgresEngine postgres_;
};

constexpr char const* kDocuments[] = {
    R"({"a":1})",
    R"({"a":"text"})",
    R"({"a":true})",
    R"({"a":false})",
    R"({"a":null})",
    R"({"a":[1,{"b":2}]})",
    R"({"a":{"0":"zero","b":[true]}})",
    R"({"a":-2.5})",
    R"({"a":9007199254740993})",
    R"({"a":9007199254740992})",
    R"({"a":9223372036854775807})",
    R"({"a":-9223372036854775808})",
    R"({"a":1e300})",
    R"({"a":-1e300})",
    R"({"a":""})",
    R"({"a":"\u00f1and\u00fa"})",
    R"({"a":"Z"})",
    R"({"b":1})",
    R"({})",
};

class JsonTest : public DialectTest {
 protected:
  JsonTest() {
    create([](Dialect const& dialect) {
      return fmt::format("CREATE TABLE documents (id {}, body {})", dialect.integer_type(),
                         dialect.json_type());
    });
    std::int64_t id = 0;
    for (auto const* each : kDocuments)
      insert("INSERT INTO documents VALUES ($1, $2)", {++id, std::string(each)});
  }

  /// PostgreSQL's jsonb comes as JSON text.
  void expect_same(std::vector<std::string> const& path) {
    auto const of = [&](Dialect const& dialect) {
      return dialect.json_value("body", path);
    };
    auto const wanted = fmt::format("SELECT json_quote({}) FROM documents ORDER BY id",
                                    of(sqlite_.database->dialect()));
    auto const given = fmt::format("SELECT COALESCE(({})::text, 'null') FROM documents ORDER BY id",
                                   of(postgres_.database->dialect()));
    EXPECT_EQ(ask(sqlite_, wanted), ask(postgres_, given))
        << fmt::format("path of {}", path.size());
  }
};

TEST_F(JsonTest, FindsTheSameValues) {
  auto const given =
      ask(postgres_, fmt::format("SELECT ({})::text FROM documents ORDER BY id",
                                 postgres_.database->dialect().json_value("body", {"a"})));
  EXPECT_EQ(given,
            R"('1' '"text"' '1' '0' null '"[1,{\"b\":2}]"' '"{\"0\":\"zero\",\"b\":[true]}"' )"
            R"('-2.5' '9007199254740993' '9007199254740992' '9223372036854775807' )"
            R"('-9223372036854775808' )" +
                fmt::format("'1{0:0>300}' '-1{0:0>300}' ", "") +
                "'\"\"' '\"\xC3\xB1"
                "and\xC3\xBA\"' '\"Z\"' null null");
  expect_same({"a", "0"});
  expect_same({"a", "1", "b"});
  expect_same({"a", "b", "0"});
  expect_same({"b"});
}

TEST_F(JsonTest, SortsNullThenNumbersThenText) {
  auto const order = [](Dialect const& dialect) {
    return fmt::format("SELECT id FROM documents ORDER BY {}, id",
                       dialect.json_sort_key("body", {"a"}));
  };
  EXPECT_EQ(ask(sqlite_, order(sqlite_.database->dialect())),
            ask(postgres_, order(postgres_.database->dialect())));
}

TEST_F(DialectTest, ListsAreTheSame) {
  create([](Dialect const& dialect) {
    return fmt::format("CREATE TABLE lists (id {}, body {})", dialect.integer_type(),
                       dialect.json_type());
  });
  insert("INSERT INTO lists VALUES (1, $1)", {R"(["a","Z","ñ"])"});
  insert("INSERT INTO lists VALUES (2, $1)", {"[]"});
  auto const ask_both = [&](auto make) {
    auto const given = ask(postgres_, make(postgres_.database->dialect()));
    EXPECT_EQ(ask(sqlite_, make(sqlite_.database->dialect())), given);
    return given;
  };
  EXPECT_EQ(ask_both([](Dialect const& dialect) {
              return fmt::format("SELECT {} FROM lists ORDER BY id", dialect.list_length("body"));
            }),
            "3 0");
  EXPECT_EQ(ask_both([](Dialect const& dialect) {
              return fmt::format("SELECT id FROM lists WHERE {}",
                                 dialect.list_contains("body", "'Z'"));
            }),
            "1");
  EXPECT_EQ(ask_both([](Dialect const& dialect) {
              return fmt::format(
                  "SELECT v.value FROM lists LEFT JOIN {} ON TRUE ORDER BY lists.id, value",
                  dialect.list_rows("lists.body", "v"));
            }),
            "'Z' 'a' 'ñ' null");
}

constexpr char const* kFormats = "%Y-%m-%d %H:%M:%S %f %j %w %W %s %%";

constexpr char const* kMoments[] = {
    "2022-01-01 10:00:00.123Z",
    "2022-01-01",
    "2024-02-29 23:59:59.999",
    "2024-12-31T12:30",
    "0000-01-01 00:00:00",
    "9999-12-31 23:59",
    "1969-12-31 23:59:59.999",
    "12:34",
    "2022-02-28",
    "2022-13-01",
    "2022-01-32",
    "23:59",
    "25:00",
    "12:60",
    "nothing",
    "",
    "2022-01-01 10:00 +05:30",
    "2022-01-01 10:00:00-03:00",
    "2022-01-01T10:00:00Z  ",
    "2022-1-1",
    "2459800.5",
    "0",
    "5373484.5",
    "2022-01-01 10:00:00.",
    " 2022-01-01",
    "2022-01-01x",
    "-4713-11-24 12:00",
    "2000-01-01 00:00:60",
    "2022-01-01 10:00:00.999",
};

class StrftimeTest : public DialectTest {
 protected:
  void expect_same(std::vector<Value> const& arguments) {
    std::string places, shown;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      places += fmt::format("{}${}", i == 0 ? "" : ", ", i + 1);
      shown += text<SqliteEngine>(arguments[i]) + " ";
    }
    auto const of = [&](Dialect const& dialect) {
      return "SELECT " + dialect.strftime(places);
    };
    EXPECT_EQ(ask(sqlite_, of(sqlite_.database->dialect()), arguments),
              ask(postgres_, of(postgres_.database->dialect()), arguments))
        << shown;
  }
};

TEST_F(StrftimeTest, ReadsTheSameMoments) {
  for (auto const* moment : kMoments) expect_same({kFormats, moment});
  expect_same({kFormats, std::int64_t{86'400}, "unixepoch"});
  expect_same({kFormats, 1'700'000'000.25, "unixepoch"});
  expect_same({kFormats, std::int64_t{-86'400}, "unixepoch", "+1 days"});
  expect_same({kFormats, "1700000000", "unixepoch"});
  expect_same({kFormats, "2022-01-01", "unixepoch"});
  expect_same({kFormats, 2'459'800.5});
  expect_same({"%Y %Q", "2022-01-01"});
  expect_same({"", "2022-01-01"});
}

TEST_F(StrftimeTest, ModifiesAsSqliteDoes) {
  constexpr char const* kModifiers[] = {
      "+1 days",       "-1 days",     "+1.5 days",    "-0.3 hours",     "+90 minutes",
      "+100 seconds",  "+1 months",   "-13 months",   "+1.5 months",    "+4 years",
      "-2500 years",   "+9000 years", "start of day", "start of month", "start of year",
      "weekday 0",     "weekday 3",   "weekday 6",    "1 day",          "+0.0004 seconds",
      "+176546 months"};
  for (auto const* moment : {"2024-02-29 23:59:59.999", "2022-01-31", "1970-01-01 00:00:00.001"}) {
    for (auto const* first : kModifiers) {
      expect_same({kFormats, moment, first});
      for (auto const* second : {"start of month", "weekday 1", "+1 months"})
        expect_same({kFormats, moment, first, second});
    }
  }
}

TEST_F(StrftimeTest, AgreesOnAnyDay) {
  auto const seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::int64_t> second(-62'167'219'200, 253'402'300'799);
  for (int i = 0; i < 200; ++i) expect_same({kFormats, second(random), "unixepoch"});
}

}  // namespace
}  // namespace minga::sql
