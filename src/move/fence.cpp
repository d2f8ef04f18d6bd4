#include "move/fence.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace minga::move {
namespace {

constexpr char const* kFind = "SELECT value FROM _settings WHERE key = $1";
constexpr char const* kForget = "DELETE FROM _settings WHERE key = $1";
constexpr char const* kSet = "INSERT INTO _settings (key, value) VALUES ($1, $2)";

sql::Statement forget(std::string key) {
  sql::Params values{std::move(key)};
  return sql::Statement(kForget, std::move(values));
}

void append(std::vector<sql::Statement>& statements, std::vector<std::string> texts) {
  for (auto& text : texts) statements.emplace_back(std::move(text));
}

}  // namespace

std::vector<std::string> const& gates() {
  static std::vector<std::string> const tables{"_idempotency", "_changes", "_counters",
                                               "_collections", "_settings"};
  return tables;
}

std::vector<sql::Statement> fence(sql::Dialect const& dialect, std::string const& to) {
  auto statements = unfence(dialect);
  sql::Params values{std::string(kMovedSetting), to};
  statements.emplace_back(kSet, std::move(values));
  for (auto const& table : gates()) append(statements, dialect.refuse_writes(table));
  return statements;
}

std::vector<sql::Statement> unfence(sql::Dialect const& dialect) {
  std::vector<sql::Statement> statements;
  for (auto const& table : gates()) append(statements, dialect.allow_writes(table));
  statements.push_back(forget(kMovedSetting));
  return statements;
}

Async<std::vector<std::string>> tables_of(sql::Database& database) {
  auto const rows =
      co_await database.read(sql::Statement(std::string(database.dialect().tables())));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < rows.size(); ++i) names.push_back(rows.text(i, 0));
  co_return names;
}

Async<std::optional<std::string>> find_setting(sql::Database& database, std::string key) {
  sql::Statement look("SELECT " + database.dialect().has_table("'_settings'"));
  auto const found = co_await database.read(std::move(look));
  if (!found.boolean(0, 0)) co_return std::nullopt;
  sql::Params values{std::move(key)};
  sql::Statement find(kFind, std::move(values));
  auto const rows = co_await database.read(std::move(find));
  if (rows.empty()) co_return std::nullopt;
  co_return rows.text(0, 0);
}

Async<std::optional<std::string>> moved_to(sql::Database& database) {
  co_return co_await find_setting(database, kMovedSetting);
}

Async<void> refuse_unfinished(sql::Database& database) {
  auto const mark = co_await find_setting(database, kMarkSetting);
  if (!mark) co_return;
  throw std::runtime_error(
      "This database is the target of a move that has not ended: it holds a part of a site. Run "
      "the same `minga move FROM TO` again, which goes on where it was, or empty the database.");
}

Async<void> refuse_moved(sql::Database& database) {
  auto const to = co_await moved_to(database);
  if (!to) co_return;
  throw std::runtime_error(fmt::format(
      "This site has moved to {}: serve it there. To go on here instead, without what was written "
      "there since: minga move --reopen URL, with the URL of this database.",
      *to));
}

}  // namespace minga::move
