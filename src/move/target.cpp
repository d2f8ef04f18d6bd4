#include "move/target.hpp"

#include "base/ids.hpp"
#include "base/json_text.hpp"
#include "move/comparison.hpp"
#include "move/fence.hpp"
#include "records/indexes.hpp"
#include "records/layout.hpp"
#include "records/tables.hpp"
#include "sql/migrations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace minga::move {
namespace {

constexpr char const* kAddDefinition =
    "INSERT INTO _collections (id, name, definition) VALUES ($1, $2, $3)";
constexpr char const* kSetSetting =
    "INSERT INTO _settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = "
    "excluded.value";
constexpr char const* kForgetSetting = "DELETE FROM _settings WHERE key = $1";

/// Statements in one transaction, and keys in one SELECT.
constexpr std::size_t kChunk = 500;
/// For what a move that was killed has left under way.
constexpr std::chrono::seconds kEarlierRun{60};

bool holds(std::vector<std::string> const& names, std::string const& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// But for the platform's tables without rows, which a move that was stopped before its mark
/// leaves.
Async<bool> is_empty(sql::Database& database) {
  auto const tables = co_await tables_of(database);
  for (auto const& table : tables) {
    if (holds(tables_left_behind(), table)) continue;
    if (!holds(gates(), table)) co_return false;
    auto const rows =
        co_await database.read(sql::Statement(fmt::format("SELECT COUNT(*) FROM {}", table)));
    if (rows.integer(0, 0) != 0) co_return false;
  }
  co_return true;
}

std::runtime_error not_empty() {
  return std::runtime_error(
      "The database to move into is not empty. A site moves into an empty one: a new file, or what "
      "CREATE DATABASE makes.");
}

/// In the order in which a move writes them, its mark's last.
std::vector<std::string> in_order(std::vector<std::string> tables) {
  std::erase_if(tables, [](std::string const& table) {
    return holds(tables_left_behind(), table) || holds(gates(), table);
  });
  tables.insert(tables.end(), gates().begin(), gates().end());
  return tables;
}

/// What a move that was killed has under way in the server still is done there, or undone, before
/// its mark is read: it would be done behind our back.
Async<void> outlast_earlier_run(sql::Database& database) {
  auto tables = in_order(co_await tables_of(database));
  try {
    co_await database.hold_writes(std::move(tables), Clock::now() + kEarlierRun);
  } catch (sql::Error const& error) {
    if (error.code() != sql::ErrorCode::deadline) throw;
    throw std::runtime_error(
        fmt::format("Somebody else has been writing the database to move into for {} s: another "
                    "`minga move`, or what is left of one that was stopped. Try again later.",
                    kEarlierRun.count()));
  }
}

}  // namespace

void Target::take_definitions(Origin const& origin) {
  for (auto const& stored : origin.definitions) {
    definitions_.push_back(records::definition_from_json(read_json(stored.definition).as_object()));
    tables_.push_back(table_of(definitions_.back()));
  }
}

Async<void> Target::begin(Origin const& origin, records::Place from) {
  take_definitions(origin);
  if (co_await find_setting(database_, kMarkSetting)) {
    co_await outlast_earlier_run(database_);
    auto const text = co_await find_setting(database_, kMarkSetting);
    if (!text) throw not_empty();  // the earlier run has completed it
    mark_ = Mark::parse(*text);
    if (mark_.source != origin.identity) {
      throw std::runtime_error(
          "The database to move into holds a part of another site, whose move has not ended. Give "
          "an empty one, or finish that move.");
    }
    co_await refuse_other_definitions(origin);
    co_return;
  }
  if (!co_await is_empty(database_)) throw not_empty();
  co_await sql::migrate(database_, records::platform_migrations());
  mark_.source = origin.identity;
  mark_.place = from;
  sql::TransactionBody body = [this, &origin](sql::Transaction& transaction) {
    return begin_in(transaction, origin);
  };
  co_await database_.transact(std::move(body));
}

Async<void> Target::refuse_other_definitions(Origin const& origin) {
  auto const here = co_await read_definitions(database_);
  if (here == origin.definitions) co_return;
  throw std::runtime_error(
      "The collections of the site were changed since its move began. Empty the target and move "
      "again.");
}

Async<void> Target::begin_in(sql::Transaction& transaction, Origin const& origin) {
  auto const& dialect = database_.dialect();
  for (auto& sql : dialect.schema_lock())
    co_await transaction.execute(sql::Statement(std::move(sql)));
  for (auto const& definition : definitions_) {
    // Its indexes come when the rows are there, which is faster.
    auto table = records::create_table_sql(definition, dialect).front();
    co_await transaction.execute(sql::Statement(std::move(table)));
  }
  for (auto const& stored : origin.definitions) {
    sql::Params values{stored.id, stored.name, stored.definition};
    sql::Statement add(kAddDefinition, std::move(values));
    co_await transaction.execute(std::move(add));
  }
  co_await transaction.execute(mark_.save());
}

Async<void> Target::copy(Table const& table, std::vector<Row> rows) {
  TableSql const sql(table, database_.dialect());
  auto next = mark_;
  next.after[table.name] = key_of(table, rows.back());
  std::vector<sql::Statement> statements;
  statements.reserve(rows.size() + 1);
  for (auto& row : rows) statements.push_back(sql.insert(std::move(row)));
  statements.push_back(next.save());
  co_await database_.write_all(std::move(statements));
  mark_ = std::move(next);
}

Async<void> Target::end_copy(Table const& table) {
  mark_.after.erase(table.name);
  mark_.copied.insert(table.name);
  co_await database_.write(mark_.save());
}

Async<void> Target::remove_rows(Table const& table, std::set<std::string> const& keys) {
  TableSql const sql(table, database_.dialect());
  std::vector<sql::Statement> statements;
  for (auto const& key : keys) {
    Key const parts{key};
    statements.push_back(sql.remove(parts));
    if (statements.size() < kChunk) continue;
    co_await database_.write_all(std::move(statements));
    statements.clear();
  }
  if (!statements.empty()) co_await database_.write_all(std::move(statements));
}

Async<void> Target::insert_rows(sql::Database& source, Table const& table,
                                std::set<std::string> const& keys) {
  TableSql const sql(table, database_.dialect());
  for (auto at = keys.begin(); at != keys.end();) {
    std::vector<Key> wanted;
    for (; at != keys.end() && wanted.size() < kChunk; ++at) wanted.push_back(Key(1, *at));
    auto rows = co_await find_rows(source, table, std::move(wanted));
    std::vector<sql::Statement> statements;
    for (auto& row : rows) statements.push_back(sql.insert(std::move(row)));
    if (!statements.empty()) co_await database_.write_all(std::move(statements));
  }
}

/// All rows go before one of them comes back: what one record gave up, another may have taken.
Async<bool> Target::carry_over(sql::Database& source, Keys const& keys) {
  for (auto const& table : tables_) {
    auto const found = keys.find(table.name);
    if (found != keys.end()) co_await remove_rows(table, found->second);
  }
  for (auto const& table : tables_) {
    auto const found = keys.find(table.name);
    if (found == keys.end()) continue;
    try {
      co_await insert_rows(source, table, found->second);
    } catch (sql::Error const& error) {
      if (error.code() != sql::ErrorCode::unique_violation) throw;
      co_return false;
    }
  }
  co_return true;
}

Async<void> Target::pass(records::Place place) {
  mark_.place = place;
  co_await database_.write(mark_.save());
}

Async<bool> Target::make_indexes() {
  for (auto const& definition : definitions_) {
    for (auto const& index : records::indexes_of(definition)) {
      try {
        co_await database_.write(
            sql::Statement(records::index_sql(index, definition, database_.dialect())));
      } catch (sql::Error const& error) {
        if (error.code() != sql::ErrorCode::unique_violation) throw;
        co_return false;
      }
    }
  }
  co_return true;
}

Async<void> Target::apply(std::vector<sql::Statement> statements) {
  co_await database_.write_all(std::move(statements));
}

Async<void> Target::complete(std::vector<std::pair<std::string, std::string>> settings) {
  settings.emplace_back("epoch", random_text(8));
  std::vector<sql::Statement> statements;
  for (auto& [key, value] : settings) {
    sql::Params values{std::move(key), std::move(value)};
    statements.emplace_back(kSetSetting, std::move(values));
  }
  sql::Params values{std::string(kMarkSetting)};
  statements.emplace_back(kForgetSetting, std::move(values));
  co_await database_.write_all(std::move(statements));
}

}  // namespace minga::move
