#pragma once

#include <minga/json.hpp>

#include "records/definition.hpp"
#include "records/schema.hpp"
#include "sql/dialect.hpp"
#include "sql/rows.hpp"

#include <memory>
#include <string>
#include <vector>

namespace minga::records {

/// The column that keeps the undeclared keys of an `open` collection, as a JSON object.
inline constexpr char const* kOpenColumn = "_open";

/// Bytes of most records' texts.
inline constexpr std::size_t kUsualText = 300;

/// How a collection lies in its table: the statements every request uses, made once.
class Layout {
 public:
  Layout(Definition definition, sql::Dialect const& dialect);

  Definition const& definition() const { return definition_; }
  /// Quoted.
  std::string const& table() const { return table_; }
  /// "table"."a", "table"."b", ...: what record() reads, in this order.
  std::string const& columns() const { return columns_; }
  std::string const& select_by_id() const { return select_by_id_; }
  /// $1.. as values() gives them.
  std::string const& insert() const { return insert_; }
  /// $1.. as values() gives them, the id being $1.
  std::string const& update() const { return update_; }
  std::string const& remove() const { return remove_; }

  /// The record in the order of its declaration, with collectionId and collectionName.
  JsonObject record(sql::Rows const& rows, std::size_t row, std::size_t first_column = 0) const;
  /// json_text() of record(), behind what `out` holds; with Hidden::left_out without what only
  /// superusers see.
  enum class Hidden { shown, left_out };
  void append_record(std::string& out, sql::Rows const& rows, std::size_t row, Hidden hidden) const;
  /// json_text() of such a record.
  std::string text(JsonObject const& record) const;
  sql::Params values(JsonObject const& record) const;
  /// A record in which every field has its zero value, with collectionId and collectionName unless
  /// the collection is open: undeclared keys come before them.
  JsonObject const& zeros() const { return zeros_; }
  /// collectionId and collectionName, where the record lacks them.
  void add_collection(JsonObject& record) const;
  /// A record's undeclared keys.
  JsonObject open_part(JsonObject const& record) const;
  bool is_own_key(std::string_view key) const;
  bool has_relations() const;

 private:
  Definition definition_;
  std::string table_, columns_, select_by_id_, insert_, update_, remove_;
  std::vector<std::string> keys_;  // of the fields, as JSON: "title":
  std::string last_keys_;          // collectionId and collectionName with their values, as JSON
  JsonObject zeros_;
};

/// The field's value in a record that has all fields: found at once where they come in the order of
/// their declaration.
Json const& value_of(Definition const& definition, Field const& field, JsonObject const& record);
Json& value_of(Definition const& definition, Field const& field, JsonObject& record);

/// Whether a column of that field is declared NOT NULL, its type and its default, as in CREATE
/// TABLE.
std::string column_sql(Field const& field, sql::Dialect const& dialect);
std::string open_column_sql(sql::Dialect const& dialect);
std::vector<std::string> create_table_sql(Definition const& definition,
                                          sql::Dialect const& dialect);

/// All collections with their layouts at one moment; immutable.
struct Catalog {
  Catalog(std::vector<Definition> definitions, sql::Dialect const& dialect);
  /// Null when there is none.
  Layout const* find(std::string_view id_or_name) const;

  Schema schema;
  std::vector<Layout> layouts;  // as schema.all()
};

}  // namespace minga::records
