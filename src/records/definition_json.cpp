// A definition as the API shows it and as `_collections` keeps it.
#include <minga/error.hpp>

#include "records/definition.hpp"

#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace minga::records {
namespace {

constexpr std::array<std::pair<FieldType, std::string_view>, 10> kTypes{
    {{FieldType::text, "text"},
     {FieldType::number, "number"},
     {FieldType::boolean, "bool"},
     {FieldType::email, "email"},
     {FieldType::url, "url"},
     {FieldType::date, "date"},
     {FieldType::autodate, "autodate"},
     {FieldType::select, "select"},
     {FieldType::json, "json"},
     {FieldType::relation, "relation"}}};

Json optional_number(std::optional<double> const& value) {
  return value ? Json(*value) : Json(nullptr);
}

void add_type_options(Field const& field, JsonObject& json) {
  switch (field.type) {
    case FieldType::text:
      json["min"] = static_cast<std::int64_t>(field.min_value.value_or(0));
      json["max"] = static_cast<std::int64_t>(field.max_value.value_or(0));
      json["pattern"] = field.pattern_text;
      json["autogeneratePattern"] = field.autogenerate_pattern;
      json["primaryKey"] = field.is_primary_key;
      break;
    case FieldType::number:
      json["min"] = optional_number(field.min_value);
      json["max"] = optional_number(field.max_value);
      json["onlyInt"] = field.only_int;
      break;
    case FieldType::email:
    case FieldType::url:
      json["onlyDomains"] =
          field.only_domains.empty() ? Json(nullptr) : boost::json::value_from(field.only_domains);
      json["exceptDomains"] = field.except_domains.empty()
                                  ? Json(nullptr)
                                  : boost::json::value_from(field.except_domains);
      break;
    case FieldType::date:
      json["min"] = field.min_date;
      json["max"] = field.max_date;
      break;
    case FieldType::autodate:
      json["onCreate"] = field.on_create;
      json["onUpdate"] = field.on_update;
      break;
    case FieldType::select:
      json["values"] = boost::json::value_from(field.select_values);
      json["maxSelect"] = field.max_select;
      break;
    case FieldType::relation:
      json["collectionId"] = field.collection;
      json["cascadeDelete"] = field.cascades;
      json["minSelect"] = field.min_select;
      json["maxSelect"] = field.max_select;
      break;
    case FieldType::json:
      json["maxSize"] = field.max_size;
      break;
    case FieldType::boolean:
      break;
  }
}

JsonObject field_json(Field const& field) {
  JsonObject json;
  json["id"] = field.id;
  json["name"] = field.name;
  json["type"] = type_name(field.type);
  json["system"] = field.is_system;
  json["hidden"] = field.is_hidden;
  json["presentable"] = field.is_presentable;
  json["required"] = field.is_required;
  json["help"] = field.help;
  if (field.is_nullable) json["nullable"] = true;
  if (field.is_unique) json["unique"] = true;
  add_type_options(field, json);
  return json;
}

/// Reads the members of a definition; a member of another type than asked for is an error that
/// names it.
class Members {
 public:
  explicit Members(JsonObject const& json) : json_(json) {}

  template <class T>
  T get(std::string_view key, T fallback) const {
    auto const* value = json_.if_contains(key);
    if (value == nullptr || value->is_null()) return fallback;
    try {
      return boost::json::value_to<T>(*value);
    } catch (std::exception const&) {
      throw Error::invalid(key, "validation_invalid_value",
                           fmt::format("The member '{}' is of another type than expected.", key));
    }
  }
  std::optional<double> number(std::string_view key) const {
    auto const* value = json_.if_contains(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return get<double>(key, 0);
  }
  Rule rule(std::string_view key) const {
    auto const* value = json_.if_contains(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return get<std::string>(key, "");
  }

 private:
  JsonObject const& json_;
};

FieldType type_from(std::string_view name) {
  auto const found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](auto const& type) { return type.second == name; });
  if (found == kTypes.end()) {
    throw Error::invalid("type", "validation_in_invalid",
                         fmt::format("There is no field type '{}'.", name));
  }
  return found->first;
}

Field field_from(JsonObject const& json) {
  Members const members(json);
  Field field;
  field.type = type_from(members.get<std::string>("type", "text"));
  field.id = members.get<std::string>("id", "");
  field.name = members.get<std::string>("name", "");
  field.is_system = members.get("system", false);
  field.is_hidden = members.get("hidden", false);
  field.is_presentable = members.get("presentable", false);
  field.is_required = members.get("required", false);
  field.is_nullable = members.get("nullable", false);
  field.is_unique = members.get("unique", false);
  field.is_primary_key = members.get("primaryKey", false);
  field.help = members.get<std::string>("help", "");
  if (field.type == FieldType::date) {
    field.min_date = members.get<std::string>("min", "");
    field.max_date = members.get<std::string>("max", "");
  } else {
    field.min_value = members.number("min");
    field.max_value = members.number("max");
  }
  field.only_int = members.get("onlyInt", false);
  field.pattern_text = members.get<std::string>("pattern", "");
  field.autogenerate_pattern = members.get<std::string>("autogeneratePattern", "");
  field.only_domains = members.get("onlyDomains", std::vector<std::string>{});
  field.except_domains = members.get("exceptDomains", std::vector<std::string>{});
  field.on_create = members.get("onCreate", false);
  field.on_update = members.get("onUpdate", false);
  field.select_values = members.get("values", std::vector<std::string>{});
  field.min_select = members.get<std::int64_t>("minSelect", 0);
  field.max_select = members.get<std::int64_t>("maxSelect", 1);
  field.collection = members.get<std::string>("collectionId", "");
  field.cascades = members.get("cascadeDelete", false);
  field.max_size = members.get<std::int64_t>("maxSize", 0);
  return field;
}

Json rule_json(Rule const& rule) {
  return rule ? Json(*rule) : Json(nullptr);
}

}  // namespace

std::string_view type_name(FieldType type) {
  return std::find_if(kTypes.begin(), kTypes.end(),
                      [&](auto const& each) { return each.first == type; })
      ->second;
}

JsonObject to_json(Definition const& definition) {
  JsonObject json;
  json["id"] = definition.id;
  json["name"] = definition.name;
  json["type"] = definition.type;
  json["system"] = definition.system;
  if (definition.open) json["open"] = true;
  if (definition.replica_reads) json["replicaReads"] = true;
  json["listRule"] = rule_json(definition.list_rule);
  json["viewRule"] = rule_json(definition.view_rule);
  json["createRule"] = rule_json(definition.create_rule);
  json["updateRule"] = rule_json(definition.update_rule);
  json["deleteRule"] = rule_json(definition.delete_rule);
  JsonArray fields;
  for (auto const& field : definition.fields) fields.push_back(field_json(field));
  json["fields"] = std::move(fields);
  json["indexes"] = boost::json::value_from(definition.indexes);
  json["created"] = definition.created;
  json["updated"] = definition.updated;
  return json;
}

Definition definition_from_json(JsonObject const& json) {
  Members const members(json);
  Definition definition;
  definition.id = members.get<std::string>("id", "");
  definition.name = members.get<std::string>("name", "");
  definition.type = members.get<std::string>("type", "base");
  definition.system = members.get("system", false);
  definition.open = members.get("open", false);
  definition.replica_reads = members.get("replicaReads", false);
  definition.list_rule = members.rule("listRule");
  definition.view_rule = members.rule("viewRule");
  definition.create_rule = members.rule("createRule");
  definition.update_rule = members.rule("updateRule");
  definition.delete_rule = members.rule("deleteRule");
  if (auto const* fields = json.if_contains("fields"); fields != nullptr && fields->is_array()) {
    for (auto const& field : fields->get_array()) {
      if (!field.is_object())
        throw Error::invalid("fields", "validation_invalid_value", "A field is a JSON object.");
      definition.fields.push_back(field_from(field.get_object()));
    }
  }
  definition.indexes = members.get("indexes", std::vector<std::string>{});
  definition.created = members.get<std::string>("created", "");
  definition.updated = members.get<std::string>("updated", "");
  return definition;
}

}  // namespace minga::records
