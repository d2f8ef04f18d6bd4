#include "records/layout.hpp"

#include "base/json_text.hpp"
#include "records/indexes.hpp"
#include "records/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::records {
namespace {

std::string_view column_type(Field const& field, sql::Dialect const& dialect) {
  if (field.is_list() || field.type == FieldType::json) return dialect.json_type();
  switch (field.type) {
    case FieldType::number:
      return field.only_int ? dialect.integer_type() : dialect.real_type();
    case FieldType::boolean:
      return dialect.boolean_type();
    default:
      return dialect.text_type();
  }
}

void append_key(std::string& out, std::string_view key) {
  append_json_string(out, key);
  out += ':';
}

std::string_view column_default(Field const& field) {
  if (field.is_nullable || field.type == FieldType::json) return "NULL";
  if (field.is_list()) return "'[]'";
  if (field.type == FieldType::number) return "0";
  if (field.type == FieldType::boolean) return "FALSE";
  return "''";
}

}  // namespace

std::string column_sql(Field const& field, sql::Dialect const& dialect) {
  auto const name = dialect.quote(field.name);
  if (field.is_primary_key)
    return fmt::format("{} {} PRIMARY KEY NOT NULL", name, dialect.text_type());
  auto const nullable = field.is_nullable || field.type == FieldType::json;
  return fmt::format("{} {}{} DEFAULT {}", name, column_type(field, dialect),
                     nullable ? "" : " NOT NULL", column_default(field));
}

std::string open_column_sql(sql::Dialect const& dialect) {
  return fmt::format("{} {} NOT NULL DEFAULT '{{}}'", dialect.quote(kOpenColumn),
                     dialect.json_type());
}

std::vector<std::string> create_table_sql(Definition const& definition,
                                          sql::Dialect const& dialect) {
  std::string columns;
  for (auto const& field : definition.fields)
    columns += (columns.empty() ? "" : ", ") + column_sql(field, dialect);
  if (definition.open) columns += ", " + open_column_sql(dialect);
  std::vector<std::string> statements{
      fmt::format("CREATE TABLE {} ({})", dialect.quote(definition.name), columns)};
  for (auto const& index : indexes_of(definition))
    statements.push_back(index_sql(index, definition, dialect));
  return statements;
}

Layout::Layout(Definition definition, sql::Dialect const& dialect)
    : definition_(std::move(definition)), table_(dialect.quote(definition_.name)) {
  std::vector<std::string> names;
  for (auto const& field : definition_.fields) names.push_back(dialect.quote(field.name));
  if (definition_.open) names.push_back(dialect.quote(kOpenColumn));
  std::string plain, places, assignments;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto const* comma = i == 0 ? "" : ", ";
    columns_ += fmt::format("{}{}.{}", comma, table_, names[i]);
    plain += comma + names[i];
    places += fmt::format("{}${}", comma, i + 1);
    if (i > 0) assignments += fmt::format("{}{} = ${}", i == 1 ? "" : ", ", names[i], i + 1);
  }
  auto const id = dialect.quote("id");
  if (assignments.empty()) assignments = fmt::format("{} = $1", id);
  select_by_id_ = fmt::format("SELECT {} FROM {} WHERE {} = $1", columns_, table_, id);
  insert_ = fmt::format("INSERT INTO {} ({}) VALUES ({})", table_, plain, places);
  update_ = fmt::format("UPDATE {} SET {} WHERE {} = $1", table_, assignments, id);
  remove_ = fmt::format("DELETE FROM {} WHERE {} = $1", table_, id);
  for (auto const& field : definition_.fields) {
    append_key(keys_.emplace_back(), field.name);
    zeros_.emplace(field.name, zero_value(field));
  }
  if (!definition_.open) add_collection(zeros_);
  append_key(last_keys_, "collectionId");
  append_json_string(last_keys_, definition_.id);
  last_keys_ += ',';
  append_key(last_keys_, "collectionName");
  append_json_string(last_keys_, definition_.name);
}

JsonObject Layout::record(sql::Rows const& rows, std::size_t row, std::size_t first_column) const {
  JsonObject record;
  record.reserve(definition_.fields.size() + 2);
  auto column = rows.row(row).begin() + static_cast<std::ptrdiff_t>(first_column);
  for (auto const& field : definition_.fields)
    record.emplace(field.name, from_column(field, *column++));
  if (definition_.open) {
    auto const open = read_json(std::get<std::string>(*column));
    for (auto const& pair : open.get_object()) record.emplace(pair.key(), pair.value());
  }
  add_collection(record);
  return record;
}

void Layout::add_collection(JsonObject& record) const {
  // To emplace what is there already makes room for it first.
  if (!record.contains("collectionId")) record.emplace("collectionId", definition_.id);
  if (!record.contains("collectionName")) record.emplace("collectionName", definition_.name);
}

void Layout::append_record(std::string& out, sql::Rows const& rows, std::size_t row,
                           Hidden hidden) const {
  out += '{';
  auto column = rows.row(row).begin();
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    auto const& field = definition_.fields[i];
    auto const& value = *column++;
    if (field.is_hidden && hidden == Hidden::left_out) continue;
    out += keys_[i];
    append_column(out, field, value);
    out += ',';
  }
  if (definition_.open) {
    auto const open = read_json(std::get<std::string>(*column));
    for (auto const& pair : open.get_object()) {
      if (is_own_key(pair.key())) continue;  // declared since
      append_key(out, pair.key());
      append_json(out, pair.value());
      out += ',';
    }
  }
  out.append(last_keys_).append("}");
}

std::string Layout::text(JsonObject const& record) const {
  std::string out;
  out.reserve(kUsualText);
  std::size_t field = 0;
  for (auto const& pair : record) {
    out += field == 0 ? '{' : ',';
    if (field < keys_.size() && pair.key() == definition_.fields[field].name) {
      out += keys_[field];
    } else {
      append_key(out, pair.key());
    }
    append_json(out, pair.value());
    ++field;
  }
  out += record.empty() ? "{}" : "}";
  return out;
}

sql::Params Layout::values(JsonObject const& record) const {
  sql::Params values;
  values.reserve(definition_.fields.size() + 1);
  for (auto const& field : definition_.fields)
    values.push_back(to_column(field, value_of(definition_, field, record)));
  if (definition_.open) values.emplace_back(json_text(open_part(record)));
  return values;
}

Json const& value_of(Definition const& definition, Field const& field, JsonObject const& record) {
  auto const place = static_cast<std::size_t>(&field - definition.fields.data());
  if (place < record.size()) {
    auto const& pair = record.begin()[place];
    if (pair.key() == field.name) return pair.value();
  }
  return record.at(field.name);
}

Json& value_of(Definition const& definition, Field const& field, JsonObject& record) {
  return const_cast<Json&>(value_of(definition, field, std::as_const(record)));
}

bool Layout::is_own_key(std::string_view key) const {
  return key == "collectionId" || key == "collectionName" || key == "expand" ||
         definition_.find(key) != nullptr;
}

bool Layout::has_relations() const {
  return std::any_of(definition_.fields.begin(), definition_.fields.end(),
                     [](Field const& field) { return field.type == FieldType::relation; });
}

JsonObject Layout::open_part(JsonObject const& record) const {
  JsonObject open;
  for (auto const& pair : record) {
    if (!is_own_key(pair.key())) open.emplace(pair.key(), pair.value());
  }
  return open;
}

namespace {

std::vector<Layout> layouts_of(Schema const& schema, sql::Dialect const& dialect) {
  std::vector<Layout> layouts;
  for (auto const& definition : schema.all()) layouts.emplace_back(definition, dialect);
  return layouts;
}

}  // namespace

Catalog::Catalog(std::vector<Definition> definitions, sql::Dialect const& dialect)
    : schema(std::move(definitions)), layouts(layouts_of(schema, dialect)) {}

Layout const* Catalog::find(std::string_view id_or_name) const {
  auto const* definition = schema.find(id_or_name);
  return definition == nullptr
             ? nullptr
             : &layouts[static_cast<std::size_t>(definition - schema.all().data())];
}

}  // namespace minga::records
