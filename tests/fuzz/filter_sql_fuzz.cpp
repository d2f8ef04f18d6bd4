/// Any bytes are a filter (first byte even) or a sort: SQLite takes what the compiler makes of
/// them, or the client gets a 400 or 403.
#include <minga/error.hpp>

#include "records/filter/filter.hpp"
#include "records/filter/functions.hpp"
#include "records/layout.hpp"
#include "records/schema.hpp"
#include "require.hpp"
#include "sql/sqlite/connection.hpp"
#include "sql/sqlite/dialect.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minga::records {
namespace {

std::vector<Definition> definitions() {
  Definition people;
  people.name = "people";
  people.list_rule = "";
  people.fields = {text("name"), relation("boss", ""), text("secret").hidden()};
  people.fields[1].collection = "pbc_people";
  people.id = "pbc_people";
  Definition things;
  things.name = "things";
  things.list_rule = "";
  things.open = true;
  things.fields = {text("name"),
                   number("number").nullable(),
                   boolean("flag"),
                   date("due"),
                   select("tags", {"a", "b"}).many(2),
                   json("meta"),
                   relation("owner", "pbc_people"),
                   relation("team", "pbc_people").many(3),
                   text("secret").hidden()};
  return {complete(std::move(people)), complete(std::move(things))};
}

class Fixture {
 public:
  Fixture()
      : schema(definitions()), connection(":memory:", sql::sqlite::Access::read_write, options()) {
    for (auto const& definition : schema.all()) {
      for (auto const& statement : create_table_sql(definition, sql::sqlite::dialect()))
        connection.execute(statement.c_str());
    }
    connection.execute("INSERT INTO people (id, name, boss) VALUES ('p', 'Ana', 'p')");
    connection.execute(
        "INSERT INTO things (id, name, number, tags, meta, owner, team, _open) VALUES ('t', 'a', "
        "1.5, '[\"a\"]', '{\"k\":1,\"l\":[null]}', 'p', '[\"p\"]', "
        "'{\"undeclared\":{\"a\":[1]}}')");
  }

  void query(std::string const& condition, std::string const& order, sql::Params values) {
    auto sql = fmt::format("SELECT things.id FROM things{}{}", condition, order);
    connection.run(sql::Statement(std::move(sql), std::move(values)));
  }

  Schema schema;

 private:
  static sql::sqlite::Options options() {
    sql::sqlite::Options options;
    options.statement_cache = 1;
    for (auto const& function : filter::sql_functions())
      options.functions.push_back({function.name, function.arity, function.call});
    return options;
  }

  sql::sqlite::Connection connection;
};

void try_filter(Fixture& fixture, filter::Scope const& scope, std::string_view text) {
  auto const expression = filter::parse(text);
  auto condition = filter::compile(*expression, scope, sql::sqlite::dialect());
  fixture.query(fmt::format(" WHERE ({})", condition.sql), "", std::move(condition.values));
}

void try_sort(Fixture& fixture, filter::Scope const& scope, std::string_view text) {
  std::string order;
  for (auto const& key : filter::compile_sort(text, scope, sql::sqlite::dialect()))
    order += (order.empty() ? " ORDER BY " : ", ") +
             sql::sqlite::dialect().ordered(key.sql, key.descending, key.may_be_null);
  fixture.query("", order, {});
}

}  // namespace
}  // namespace minga::records

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static minga::records::Fixture fixture;
  if (size == 0) return 0;
  std::string_view const text(reinterpret_cast<char const*>(data + 1), size - 1);
  minga::records::filter::Scope scope;
  scope.schema = &fixture.schema;
  scope.collection = fixture.schema.find("things");
  scope.privileged = (data[0] & 2) != 0;
  scope.now = "2022-01-01 10:00:00.123Z";
  try {
    if ((data[0] & 1) == 0) {
      try_filter(fixture, scope, text);
    } else {
      try_sort(fixture, scope, text);
    }
  } catch (minga::Error const& error) {
    REQUIRE(error.status() == 400 || error.status() == 403);
  }
  return 0;
}
