#pragma once

#include "sql/value.hpp"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace minga::records::filter {

/// The SQL functions that compiled filters call where the engines have none of the same meaning.
/// Deterministic; NULL in gives NULL out unless it says otherwise.
///   minga_like(value, pattern)      1 or 0: LIKE with \ as escape, case folded in all of Unicode
///   minga_contains(value, part)     1 or 0: `part` anywhere in it, case folded
///   minga_lower(text)               simple Unicode lower case
///   minga_compare(op, a, b)         1 or 0, never NULL: API.md's comparison by the kinds of the
///                                   values
///   minga_degrees(value)            a number, NULL for anything else
///   minga_geo_distance(lonA, latA, lonB, latB)  kilometres
/// PostgreSQL's are in src/sql/postgres/filter_functions.cpp.
struct NamedFunction {
  std::string name;
  int arity;
  std::function<sql::Value(std::span<sql::Value const>)> call;
};
std::vector<NamedFunction> const& sql_functions();

/// Whether a text matches a LIKE pattern: % any run, _ one character, \ escapes; case folded.
bool like(std::string_view text, std::string_view pattern);

/// `op` is the SQL spelling: = != < <= > >=. Numbers by value, a number with a text by the text as
/// a decimal, texts by code point; for = and != null equals only null; an order with null never
/// holds.
bool compare(std::string_view op, sql::Value const& a, sql::Value const& b);

}  // namespace minga::records::filter
