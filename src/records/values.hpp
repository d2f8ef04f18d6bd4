#pragma once

#include <minga/error.hpp>
#include <minga/json.hpp>

#include "records/definition.hpp"
#include "sql/value.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace minga::records {

/// What is wrong with a record, one entry for each field; all of it reaches the client together.
class FieldErrors {
 public:
  FieldErrors() = default;
  /// Those of an Error.
  explicit FieldErrors(JsonObject errors) : errors_(std::move(errors)) {}

  /// The first of a field stays.
  void add(std::string_view field, std::string_view code, std::string_view message,
           JsonObject params = {});
  void add_not_unique(std::string_view field);
  bool empty() const { return errors_.empty(); }
  bool has(std::string_view field) const { return errors_.contains(field); }
  /// Whether the field's error is that of add_not_unique().
  bool is_not_unique(std::string_view field) const;
  /// Error 400 with that message.
  Error error(std::string_view message) const;
  void throw_if_any(std::string_view message) const;

 private:
  JsonObject errors_;
};

/// Characters of a text whose field sets no max.
inline constexpr double kLongestText = 5'000;

/// What a field holds that was never set: null where it may, else "", 0, false, [].
Json zero_value(Field const& field);
bool is_zero(Field const& field, Json const& value);

/// Reads what a client sent as the field's type; nothing, and an error added, when it cannot be
/// read so.
std::optional<Json> read_value(Field const& field, Json const& input, FieldErrors& errors);

/// What a form sent, whose values are texts: of a json field's text that is JSON, what it says.
/// Other text stays one.
void read_json_texts(Definition const& definition, JsonObject& input);

/// Checks a value that read_value() gave against the field's options: required, bounds, pattern,
/// domains. (Relations are looked up elsewhere.)
void check_value(Field const& field, Json const& value, FieldErrors& errors);

/// Integers that a double holds exactly: 2^53.
inline constexpr double kExactIntegers = 9'007'199'254'740'992.0;
/// A whole number reads and shows as such: 3, not 3.0.
Json tidy_number(double real);

/// To and from the field's column.
sql::Value to_column(Field const& field, Json const& value);
Json from_column(Field const& field, sql::Value const& value);
/// json_text() of what from_column() gives, behind what `out` holds.
void append_column(std::string& out, Field const& field, sql::Value const& value);

/// "f+" appends or adds, "+f" prepends, "f-" removes or subtracts: `operand` applied to what is
/// stored. "f:autogenerate" of a text is `operand` with a text of the field's pattern behind it.
/// Nothing, and an error added, when the field's type has no such modifier or the operand cannot be
/// read.
enum class Modifier { append, prepend, remove, autogenerate };
std::optional<Json> apply_modifier(Field const& field, Json const& stored, Modifier modifier,
                                   Json const& operand, FieldErrors& errors);

}  // namespace minga::records
