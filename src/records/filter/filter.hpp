#pragma once

#include <minga/json.hpp>

#include "records/schema.hpp"
#include "sql/dialect.hpp"
#include "sql/value.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::records::filter {

struct Limits {
  std::size_t bytes = 3'500;
  std::size_t comparisons = 200;
  std::size_t groups = 64;
  std::size_t hops = 6;
};

struct Expression;  // ast.hpp

/// Parses API.md section 4's grammar. Throws minga::Error 400 "Invalid filter." with data.filter =
/// {code: "validation_invalid_filter", message, params: {position}}. Empty text has no expression:
/// do not call it.
std::shared_ptr<Expression const> parse(std::string_view text, Limits const& limits = {});

/// What an identifier may refer to beside the collection's own fields.
struct Scope {
  Schema const* schema = nullptr;
  Definition const* collection = nullptr;
  /// May name hidden fields, @request and @collection.
  bool privileged = false;
  /// The instant of the macros (@now, ...), one per request.
  std::string now;
};

/// A condition over the collection's table, whose alias is the quoted collection name.
struct Condition {
  std::string sql;
  sql::Params values;
};

/// `first` is the number of the first placeholder ($first).
Condition compile(Expression const& expression, Scope const& scope, sql::Dialect const& dialect,
                  std::size_t first = 1);

struct SortKey {
  std::string sql;  // an expression to order by
  bool descending = false;
  bool may_be_null = false;
};
/// `sort=` of API.md section 3; `id` is appended. Throws minga::Error 400. "@random" gives the
/// dialect's random().
std::vector<SortKey> compile_sort(std::string_view sort, Scope const& scope,
                                  sql::Dialect const& dialect);

}  // namespace minga::records::filter
