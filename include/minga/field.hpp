#pragma once

#include <minga/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace minga {

enum class FieldType { text, number, boolean, email, url, date, autodate, select, json, relation };

/// One field of a collection, with the options of API.md section 2. Setters chain:
/// `text("title").required().max(200)`. A setter that does not go with the type throws
/// std::invalid_argument when the collection is declared.
struct Field {
  FieldType type = FieldType::text;
  std::string name;
  /// Type + decimal CRC-32 of the name, when empty.
  std::string id;
  bool is_required = false;
  bool is_hidden = false;
  bool is_presentable = false;
  bool is_system = false;
  bool is_nullable = false;
  bool is_primary_key = false;
  /// Declares a unique index of its own.
  bool is_unique = false;
  std::string help;
  /// text: code points (max 0 means 5,000); number: value.
  std::optional<double> min_value;
  std::optional<double> max_value;
  bool only_int = false;
  /// text: an unanchored regular expression.
  std::string pattern_text;
  /// text: what a value that was not given is made of, on create.
  std::string autogenerate_pattern;
  /// email, url: only these domains, or all but those.
  std::vector<std::string> only_domains;
  std::vector<std::string> except_domains;
  /// date: bounds as time text, "" for none.
  std::string min_date;
  std::string max_date;
  bool on_create = false;
  bool on_update = false;
  std::vector<std::string> select_values;
  std::int64_t min_select = 0;
  std::int64_t max_select = 1;
  /// relation: the collection's name in declarations, its id in stored definitions.
  std::string collection;
  bool cascades = false;
  /// json: bytes, 0 means 1 MiB.
  std::int64_t max_size = 0;

  Field& required(bool value = true);
  Field& hidden(bool value = true);
  Field& presentable(bool value = true);
  Field& nullable(bool value = true);
  Field& unique(bool value = true);
  Field& min(double value);
  Field& max(double value);
  Field& integer(bool value = true);
  Field& pattern(std::string regex);
  /// text: a record that is created without this value gets a random one after `regex`, such as
  /// `[A-Z]{3}-[0-9]{4}`; on a field that is unique, another if it is taken. Understood are
  /// characters, `.` (a letter or digit), classes, groups, `|` and repetitions (without an upper
  /// bound: six times at most), or `<uuidv7>` as the whole. The collection refuses a pattern whose
  /// texts would not pass the field's own min, max, pattern and required.
  Field& autogenerate(std::string regex);
  Field& between(std::string first, std::string last);
  /// select, relation: more than one value makes it a list.
  Field& many(std::int64_t most, std::int64_t least = 0);
  Field& cascade_delete(bool value = true);
  Field& max_bytes(std::int64_t bytes);

  /// select and relation with max_select > 1: the value is a list.
  bool is_list() const;
};

Field text(std::string name);
Field number(std::string name);
Field boolean(std::string name);
Field email(std::string name);
Field url(std::string name);
Field date(std::string name);
/// Set by the server on create, and on update too unless `on_update` is false.
Field autodate(std::string name, bool on_update = true);
Field select(std::string name, std::vector<std::string> values);
/// Any JSON value.
Field json(std::string name);
Field relation(std::string name, std::string collection);

}  // namespace minga
