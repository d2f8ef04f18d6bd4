#pragma once

#include <minga/json.hpp>

#include "records/definition.hpp"
#include "sql/dialect.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

/// An index of a collection, of the shape that API.md section 2 allows.
struct Index {
  struct Column {
    std::string name;
    bool ignores_case = false;
    bool descending = false;
  };
  struct Condition {
    std::string column;
    std::string op;       // =, !=, IS NULL, IS NOT NULL
    std::string literal;  // SQL text of a string or a number; empty with IS
  };
  std::string name;
  bool unique = false;
  std::vector<Column> columns;
  std::vector<Condition> conditions;
};

/// Throws std::invalid_argument that says what is expected where.
Index parse_index(std::string_view text);

/// CREATE [UNIQUE] INDEX of a collection's.
std::string index_sql(Index const& index, Definition const& definition,
                      sql::Dialect const& dialect);

/// All of a collection's: those written out, and one for each unique field.
std::vector<Index> indexes_of(Definition const& definition);

/// Whether a unique index keeps the record from being stored beside another with the same values:
/// it holds a row for it, and none of its columns is null, which equals nothing.
bool constrains(Index const& index, JsonObject const& record);

/// SELECT of a row that has the values of a record that the index constrains: $1.. are those of the
/// index's columns. With `is_stored` the row is another than that of the id that comes after them.
std::string holder_sql(Index const& index, Definition const& definition,
                       sql::Dialect const& dialect, bool is_stored);

/// Whether no two records can hold the same value in the field: it has a unique index of its own,
/// over all records that have a value. A list never does, for its index is over the whole list.
bool is_unique_by_itself(Definition const& definition, Field const& field);

}  // namespace minga::records
