#include "records/definition.hpp"

#include <minga/error.hpp>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "records/indexes.hpp"
#include "records/text_generator.hpp"
#include "records/values.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

namespace minga::records {
namespace {

constexpr std::size_t kLongestCollectionName = 255;
constexpr std::size_t kLongestFieldName = 100;
constexpr int kSamples = 100;

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Field id_field() {
  auto field = text("id");
  field.min(15).max(15).pattern(kIdPattern).required();
  field.is_primary_key = true;
  field.is_system = true;
  field.autogenerate_pattern = kIdAutogeneratePattern;
  return field;
}

/// What is wrong with a definition, by the place where it stands.
class Problems {
 public:
  void add(std::string_view key, std::string_view code, std::string_view message) {
    found_[key] = field_error(code, message);
  }
  void add_field(std::size_t index, std::string_view key, std::string_view code,
                 std::string_view message) {
    auto& fields = found_["fields"];
    if (!fields.is_object()) fields = JsonObject{};
    auto& field = fields.get_object()[std::to_string(index)];
    if (!field.is_object()) field = JsonObject{};
    field.get_object()[key] = field_error(code, message);
  }
  void throw_if_any() {
    if (!found_.empty())
      throw Error::bad_request("Failed to create collection.", std::move(found_));
  }

 private:
  JsonObject found_;
};

void check_name(Definition const& definition, Problems& problems) {
  auto const& name = definition.name;
  auto const fits = is_word(name) && !(name[0] >= '0' && name[0] <= '9') &&
                    name.size() <= kLongestCollectionName &&
                    ascii_lower(name).find("_via_") == std::string::npos;
  if (name.empty()) {
    problems.add("name", "validation_required", "Cannot be blank.");
  } else if (!fits) {
    problems.add("name", "validation_match_invalid",
                 "Must be letters, digits and _, beginning with no digit, without _via_.");
  } else if (name.front() == '_' && !definition.system) {
    problems.add("name", "validation_match_invalid", "Names that begin with _ are the system's.");
  }
}

bool is_reserved(std::string_view name) {
  static std::array<std::string_view, 7> const reserved{
      "null", "true", "false", "_rowid_", "collectionid", "collectionname", "expand"};
  return std::find(reserved.begin(), reserved.end(), ascii_lower(name)) != reserved.end();
}

/// What the type's own options must be; empty when they are.
std::string wrong_options(Field const& field) {
  switch (field.type) {
    case FieldType::text:
      if (!field.pattern_text.empty() && !RE2(field.pattern_text, RE2::Quiet).ok())
        return "The pattern is no regular expression.";
      break;
    case FieldType::email:
    case FieldType::url:
      if (!field.only_domains.empty() && !field.except_domains.empty())
        return "Only one of onlyDomains and exceptDomains may be set.";
      break;
    case FieldType::autodate:
      if (!field.on_create && !field.on_update) return "One of onCreate and onUpdate must be true.";
      break;
    case FieldType::select:
      if (field.select_values.empty()) return "A select field needs its values.";
      break;
    case FieldType::relation:
      if (field.collection.empty()) return "A relation field needs its collection.";
      break;
    default:
      break;
  }
  if (field.max_select < 1) return "maxSelect must be at least 1.";
  if (field.min_select > field.max_select) return "minSelect must not be greater than maxSelect.";
  if (field.min_value && field.max_value && *field.max_value > 0 &&
      *field.min_value > *field.max_value) {
    return "min must not be greater than max.";
  }
  return {};
}

/// What makes the generated texts unfit for the field; empty when nothing does. Lengths are known,
/// the field's own pattern is tried on samples.
std::string unfit_texts(Field const& field, TextGenerator const& generator) {
  auto const least = std::max(field.min_value.value_or(0), field.is_required ? 1.0 : 0.0);
  auto const most = field.max_value.value_or(0) > 0 ? *field.max_value : kLongestText;
  auto const shortest = static_cast<double>(generator.shortest());
  if (shortest < least || static_cast<double>(generator.longest()) > most) {
    return fmt::format("The pattern gives {} to {} characters; the field takes {} to {}.",
                       generator.shortest(), generator.longest(), least, most);
  }
  for (int i = 0; i < kSamples; ++i) {
    auto const text = generator.generate();
    FieldErrors errors;
    check_value(field, Json(text), errors);
    if (!errors.empty())
      return fmt::format("The pattern gives texts that the field refuses, such as '{}'.", text);
  }
  return {};
}

void check_autogenerate(std::size_t index, Field const& field, Problems& problems) {
  if (field.type != FieldType::text || field.autogenerate_pattern.empty()) return;
  try {
    auto const unfit = unfit_texts(field, TextGenerator(field.autogenerate_pattern));
    if (!unfit.empty())
      problems.add_field(index, "autogeneratePattern",
                         "validation_invalid_autogenerate_pattern_value", unfit);
  } catch (std::invalid_argument const& error) {
    problems.add_field(index, "autogeneratePattern", "validation_invalid_autogenerate_pattern",
                       error.what());
  }
}

void check_fields(Definition const& definition, Problems& problems) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < definition.fields.size(); ++i) {
    auto const& field = definition.fields[i];
    auto const fits = is_word(field.name) && field.name.size() <= kLongestFieldName &&
                      field.name.find("_via_") == std::string::npos &&
                      ascii_lower(field.name) != "_open";
    if (!fits)
      problems.add_field(i, "name", "validation_match_invalid",
                         "Must be letters, digits and _, at most 100, without _via_.");
    if (is_reserved(field.name))
      problems.add_field(i, "name", "validation_reserved_field_name", "The name is reserved.");
    if (!names.insert(ascii_lower(field.name)).second) {
      problems.add_field(i, "name", "validation_duplicated_field_name", "The name is used twice.");
    }
    auto const wrong = wrong_options(field);
    if (!wrong.empty()) {
      problems.add_field(i, "options", "validation_invalid_value", wrong);
    } else {
      check_autogenerate(i, field, problems);
    }
  }
}

void require_field(Definition const& definition, std::string const& name, std::string const& text) {
  if (definition.find(name) != nullptr) return;
  throw std::invalid_argument(fmt::format("There is no field '{}' for the index '{}'", name, text));
}

void check_indexes(Definition const& definition, Problems& problems) {
  std::set<std::string> names;
  for (auto const& text : definition.indexes) {
    try {
      auto const index = parse_index(text);
      for (auto const& column : index.columns) require_field(definition, column.name, text);
      for (auto const& condition : index.conditions)
        require_field(definition, condition.column, text);
      if (!names.insert(ascii_lower(index.name)).second) {
        problems.add("indexes", "validation_duplicated_index_name",
                     fmt::format("The index name {} is used twice.", index.name));
      }
    } catch (std::invalid_argument const& error) {
      problems.add("indexes", "validation_invalid_index_expression",
                   fmt::format("{}.", error.what()));
    }
  }
}

}  // namespace

Field const* Definition::find(std::string_view field_name) const {
  auto const found = std::find_if(fields.begin(), fields.end(),
                                  [&](Field const& field) { return field.name == field_name; });
  return found == fields.end() ? nullptr : &*found;
}

bool Definition::hides_fields() const {
  return std::any_of(fields.begin(), fields.end(),
                     [](Field const& field) { return field.is_hidden; });
}

Definition complete(Definition definition) {
  auto& fields = definition.fields;
  auto const id = std::find_if(fields.begin(), fields.end(),
                               [](Field const& field) { return field.name == "id"; });
  if (id == fields.end()) {
    fields.insert(fields.begin(), id_field());
  } else {
    std::rotate(fields.begin(), id, id + 1);
  }
  if (definition.id.empty())
    definition.id = fmt::format("pbc_{}", crc32(definition.type + definition.name));
  for (auto& field : definition.fields) {
    if (field.id.empty()) field.id = fmt::format("{}{}", type_name(field.type), crc32(field.name));
  }
  Problems problems;
  check_name(definition, problems);
  check_fields(definition, problems);
  check_indexes(definition, problems);
  problems.throw_if_any();
  return definition;
}

}  // namespace minga::records
