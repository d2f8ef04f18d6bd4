#include "sql/migrations.hpp"

#include "base/time_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace minga::sql {
namespace {

constexpr char const* kApplied = "SELECT number, name FROM _migrations ORDER BY number";
constexpr char const* kRecord =
    "INSERT INTO _migrations (number, name, applied) VALUES ($1, $2, $3)";

std::string create_table(Dialect const& dialect) {
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS _migrations (number {} PRIMARY KEY, name {} NOT NULL, applied {} "
      "NOT NULL)",
      dialect.integer_type(), dialect.text_type(), dialect.text_type());
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

/// One pass under the transaction's lock: everything that is missing, or nothing.
Async<void> apply_missing(Transaction& transaction, Dialect const& dialect,
                          std::span<Migration const> migrations) {
  for (auto& sql : dialect.preparations()) co_await transaction.execute(Statement(std::move(sql)));
  co_await transaction.execute(Statement(create_table(dialect)));
  auto const applied = co_await transaction.execute(Statement(kApplied));
  for (auto const& migration : migrations.subspan(count_applied(applied, migrations))) {
    for (auto& sql : migration.statements(dialect))
      co_await transaction.execute(Statement(std::move(sql)));
    Params values{std::int64_t{migration.number}, migration.name, format_time(now_millis())};
    Statement record(kRecord, std::move(values));
    co_await transaction.execute(std::move(record));
  }
}

}  // namespace

Async<void> migrate(Database& database, std::span<Migration const> migrations) {
  TransactionBody body = [&database, migrations](Transaction& transaction) {
    return apply_missing(transaction, database.dialect(), migrations);
  };
  co_await database.transact(std::move(body));
}

}  // namespace minga::sql
