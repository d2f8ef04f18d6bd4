#include "sql/migrations.hpp"

#include "base/time_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace minga::sql {
namespace {

/// The engine's own steps have the numbers -1, -2, ...
constexpr char const* kApplied =
    "SELECT number, name FROM _migrations WHERE number > 0 ORDER BY number";
constexpr char const* kAppliedSteps =
    "SELECT -number, name FROM _migrations WHERE number < 0 ORDER BY number DESC";
constexpr char const* kRecord =
    "INSERT INTO _migrations (number, name, applied) VALUES ($1, $2, $3)";

std::string create_table(Dialect const& dialect) {
  return fmt::format(
      "CREATE TABLE _migrations (number {} PRIMARY KEY, name {} NOT NULL, applied {} NOT NULL)",
      dialect.integer_type(), dialect.text_type(), dialect.text_type());
}

std::vector<Migration> own_migrations(Dialect const& dialect) {
  std::vector<Migration> migrations;
  for (auto& step : dialect.own_steps()) {
    auto statements = [made = std::move(step.statements)](Dialect const&) {
      return made;
    };
    auto const number = static_cast<int>(migrations.size()) + 1;
    migrations.push_back({number, std::move(step.name), std::move(statements)});
  }
  return migrations;
}

/// How many of the migrations are applied. Throws when what is applied is not a beginning of them.
std::size_t count_applied(Rows const& applied, std::span<Migration const> migrations) {
  if (applied.size() > migrations.size()) {
    throw std::runtime_error(fmt::format(
        "The database is newer than this program: it is at version {}, the program knows {}.",
        applied.size(), migrations.size()));
  }
  for (std::size_t i = 0; i < applied.size(); ++i) {
    if (applied.integer(i, 0) != migrations[i].number || applied.text(i, 1) != migrations[i].name) {
      throw std::runtime_error(
          fmt::format("The database's migration {} is '{}'; this program's is '{}'.",
                      applied.integer(i, 0), applied.text(i, 1), migrations[i].name));
    }
  }
  return applied.size();
}

/// Recorded by its number times `sign`.
Async<void> apply_missing(Transaction& transaction, Dialect const& dialect, char const* applied_sql,
                          std::span<Migration const> migrations, int sign) {
  auto const applied = co_await transaction.execute(Statement(applied_sql));
  for (auto const& migration : migrations.subspan(count_applied(applied, migrations))) {
    for (auto& sql : migration.statements(dialect))
      co_await transaction.execute(Statement(std::move(sql)));
    Params values{std::int64_t{sign * migration.number}, migration.name, format_time(now_millis())};
    Statement record(kRecord, std::move(values));
    co_await transaction.execute(std::move(record));
  }
}

/// One pass under the transaction's lock: everything that is missing, or nothing. Where nothing is,
/// nothing is changed: whoever may not create tables can run it.
Async<void> migrate_in(Transaction& transaction, Dialect const& dialect,
                       std::span<Migration const> migrations) {
  for (auto& sql : dialect.schema_lock()) co_await transaction.execute(Statement(std::move(sql)));
  Statement find("SELECT " + dialect.has_table("'_migrations'"));
  auto const found = co_await transaction.execute(std::move(find));
  if (!found.boolean(0, 0)) co_await transaction.execute(Statement(create_table(dialect)));
  auto const own = own_migrations(dialect);
  co_await apply_missing(transaction, dialect, kAppliedSteps, own, -1);
  co_await apply_missing(transaction, dialect, kApplied, migrations, 1);
}

}  // namespace

Async<void> migrate(Database& database, std::span<Migration const> migrations) {
  TransactionBody body = [&database, migrations](Transaction& transaction) {
    return migrate_in(transaction, database.dialect(), migrations);
  };
  co_await database.transact(std::move(body));
}

}  // namespace minga::sql
