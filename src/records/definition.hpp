#pragma once

#include <minga/field.hpp>
#include <minga/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

/// nullopt: superusers only; "": everyone; else an expression of the filter language.
using Rule = std::optional<std::string>;

/// Of the field `id`, unless its declaration has others; the second stands for make_record_id(),
/// whose ids sort by time.
inline constexpr char const* kIdPattern = "^[a-z0-9]+$";
inline constexpr char const* kIdAutogeneratePattern = "[a-z0-9]{15}";

/// A collection's definition (API.md section 2), as stored in `_collections` and shown by the API.
struct Definition {
  std::string id;  // pbc_ + decimal CRC-32 of type + name
  std::string name;
  std::string type = "base";
  bool system = false;
  bool open = false;
  /// Standbys may answer reads of its records, where the request does not say otherwise.
  bool replica_reads = false;
  Rule list_rule, view_rule, create_rule, update_rule, delete_rule;
  std::vector<Field> fields;  // `id` first
  std::vector<std::string> indexes;
  std::string created, updated;

  Field const* find(std::string_view field_name) const;
  /// From all but superusers.
  bool hides_fields() const;
};

/// Fills in ids, the `id` field and defaults, and checks names, options and indexes. Throws
/// minga::Error 400 with the codes of API.md ("collections" and the field options) in data.
Definition complete(Definition definition);

/// "text", "bool", ... as the API names it.
std::string_view type_name(FieldType type);

/// API.md's shape and back. from_json throws minga::Error 400.
JsonObject to_json(Definition const& definition);
Definition definition_from_json(JsonObject const& json);

}  // namespace minga::records
