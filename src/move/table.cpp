#include "move/table.hpp"

#include "base/json_text.hpp"
#include "records/layout.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace minga::move {
namespace {

Kind kind_of(Field const& field) {
  if (field.is_list()) return Kind::text;
  if (field.type == FieldType::boolean) return Kind::boolean;
  if (field.type != FieldType::number) return Kind::text;
  return field.only_int ? Kind::integer : Kind::real;
}

/// The value, if it is one of the column's kind.
std::optional<sql::Value> as_kind(Kind kind, sql::Value const& value) {
  if (std::holds_alternative<sql::Null>(value)) return value;
  auto const* integer = std::get_if<std::int64_t>(&value);
  switch (kind) {
    case Kind::text:
      if (std::holds_alternative<std::string>(value)) return value;
      break;
    case Kind::integer:
      if (integer != nullptr) return value;
      break;
    case Kind::real:
      if (integer != nullptr) return static_cast<double>(*integer);
      if (std::holds_alternative<double>(value)) return value;
      break;
    case Kind::boolean:
      if (std::holds_alternative<bool>(value)) return value;
      if (integer != nullptr) return *integer != 0;
      break;
  }
  return std::nullopt;
}

char const* name(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "text";
    case Kind::integer:
      return "whole number";
    case Kind::real:
      return "number";
    case Kind::boolean:
      return "boolean";
  }
  return "value";
}

/// Texts by their bytes as unsigned numbers, as SQLite's BINARY and PostgreSQL's "C" do.
template <class T>
int compare_parts(sql::Value const& a, sql::Value const& b) {
  auto const& left = std::get<T>(a);
  auto const& right = std::get<T>(b);
  return left < right ? -1 : right < left ? 1 : 0;
}

}  // namespace

Table table_of(records::Definition const& definition) {
  Table table;
  table.name = definition.name;
  for (auto const& field : definition.fields) table.columns.push_back({field.name, kind_of(field)});
  if (definition.open) table.columns.push_back({records::kOpenColumn, Kind::text});
  return table;
}

Table const& counters() {
  static Table const table{"_counters", {{"name", Kind::text}, {"value", Kind::integer}}, 1};
  return table;
}

Table const& idempotency() {
  static Table const table{"_idempotency",
                           {{"scope", Kind::text},
                            {"key", Kind::text},
                            {"ordinal", Kind::integer},
                            {"request_hash", Kind::text},
                            {"result", Kind::text},
                            {"created", Kind::text}},
                           3};
  return table;
}

std::vector<std::string> const& tables_left_behind() {
  static std::vector<std::string> const names{"_migrations", "_nodes", "_writers"};
  return names;
}

Row take_row(Table const& table, sql::Rows const& rows, std::size_t row) {
  Row taken;
  taken.reserve(table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    auto value = as_kind(table.columns[i].kind, rows.at(row, i));
    if (!value) {
      throw std::runtime_error(fmt::format(
          "In {}, the row {} holds in its column {} what is no {}: it was not written by minga. "
          "Correct it there, then move again.",
          table.name, i < table.key_size ? "?" : text_of(key_of(table, taken)),
          table.columns[i].name, name(table.columns[i].kind)));
    }
    taken.push_back(std::move(*value));
  }
  return taken;
}

Key key_of(Table const& table, Row const& row) {
  return Key(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(table.key_size));
}

std::string text_of(Key const& key) {
  std::string text;
  for (auto const& part : key) {
    text += text.empty() ? "" : ", ";
    if (auto const* integer = std::get_if<std::int64_t>(&part)) text += std::to_string(*integer);
    if (auto const* word = std::get_if<std::string>(&part)) text += *word;
  }
  return text;
}

int compare_keys(Key const& a, Key const& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto const order = std::holds_alternative<std::string>(a[i])
                           ? compare_parts<std::string>(a[i], b[i])
                           : compare_parts<std::int64_t>(a[i], b[i]);
    if (order != 0) return order;
  }
  return 0;
}

std::size_t bytes_of(Row const& row) {
  auto bytes = row.size() * sizeof(sql::Value);
  for (auto const& value : row) {
    if (auto const* text = std::get_if<std::string>(&value)) bytes += text->size();
  }
  return bytes;
}

TableSql::TableSql(Table const& table, sql::Dialect const& dialect)
    : table_name_(dialect.quote(table.name)) {
  std::string places, matches;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    auto const column = dialect.quote(table.columns[i].name);
    auto const* comma = i == 0 ? "" : ", ";
    columns_ += comma + column;
    places += fmt::format("{}${}", comma, i + 1);
    if (i >= table.key_size) continue;
    key_ += comma + column;
    key_values_ += fmt::format("{}${}", comma, i + 1);
    matches += fmt::format("{}{} = ${}", i == 0 ? "" : " AND ", column, i + 1);
  }
  insert_ = fmt::format("INSERT INTO {} ({}) VALUES ({})", table_name_, columns_, places);
  remove_ = fmt::format("DELETE FROM {} WHERE {}", table_name_, matches);
  find_ = fmt::format("SELECT {} FROM {} WHERE {}", columns_, table_name_, matches);
  if (table.key_size == 1) {
    find_many_ = fmt::format("SELECT {} FROM {} WHERE {} IN (SELECT wanted.value FROM {})",
                             columns_, table_name_, key_, dialect.list_rows("$1", "wanted"));
  }
}

sql::Statement TableSql::page(std::optional<Key> const& after, std::string const& since,
                              std::int64_t limit) const {
  sql::Params values;
  std::string where;
  if (after) {
    values = *after;
    where = fmt::format(" WHERE ({}) > ({})", key_, key_values_);
  }
  if (!since.empty()) {
    values.emplace_back(since);
    where += fmt::format("{} created >= ${}", where.empty() ? " WHERE" : " AND", values.size());
  }
  values.emplace_back(limit);
  auto text = fmt::format("SELECT {} FROM {}{} ORDER BY {} LIMIT ${}", columns_, table_name_, where,
                          key_, values.size());
  return sql::Statement(std::move(text), std::move(values));
}

std::vector<sql::Statement> TableSql::find(std::vector<Key> const& keys) const {
  std::vector<sql::Statement> statements;
  if (find_many_.empty()) {
    for (auto const& key : keys) statements.emplace_back(find_, key);
    return statements;
  }
  JsonArray wanted;
  for (auto const& key : keys) wanted.emplace_back(std::get<std::string>(key[0]));
  sql::Params values;
  values.emplace_back(json_text(Json(std::move(wanted))));
  statements.emplace_back(find_many_, std::move(values));
  return statements;
}

sql::Statement TableSql::insert(Row row) const {
  return sql::Statement(insert_, std::move(row));
}

sql::Statement TableSql::remove(Key key) const {
  return sql::Statement(remove_, std::move(key));
}

sql::Statement TableSql::count() const {
  return sql::Statement(fmt::format("SELECT COUNT(*) FROM {}", table_name_));
}

}  // namespace minga::move
