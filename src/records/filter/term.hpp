#pragma once

#include "records/definition.hpp"
#include "sql/value.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace minga::records::filter {

/// What an operand is to a comparison.
enum class Kind { text, date, number, boolean, json, list, null };

/// An operand in SQL.
struct Term {
  Kind kind = Kind::null;
  /// Literals are placeholders; fields are columns of an alias.
  std::string sql;
  bool is_literal = false;
  /// boolean: the column itself, where `sql` is its number.
  std::string truth;
  sql::Value
      literal;  // is_literal: text as std::string, number as integer or double, truth as bool
  bool may_be_null = false;  // nullable field, or a row that may be missing
  bool tells_null = false;   // null is not the same as ""
  /// Names of the row sources this term reads (several rows each).
  std::set<std::string> sources;
};

}  // namespace minga::records::filter
