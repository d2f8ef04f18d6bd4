#include "api/openapi.hpp"

#include <minga/field.hpp>

#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace minga::api {
namespace {

#ifndef MINGA_VERSION
#define MINGA_VERSION "0"
#endif

std::string method_name(Method method) {
  switch (method) {
    case Method::get:
      return "get";
    case Method::head:
      return "head";
    case Method::post:
      return "post";
    case Method::put:
      return "put";
    case Method::patch:
      return "patch";
    case Method::delete_:
      return "delete";
    default:
      return "options";
  }
}

JsonObject reference(std::string_view to) {
  JsonObject object;
  object["$ref"] = to;
  return object;
}

JsonObject content(JsonObject schema) {
  JsonObject media, by_type, object;
  media["schema"] = std::move(schema);
  by_type["application/json"] = std::move(media);
  object["content"] = std::move(by_type);
  return object;
}

JsonObject described(std::string_view description, JsonObject object = {}) {
  object["description"] = description;
  return object;
}

JsonObject parameter(std::string_view name, std::string_view place, std::string_view type,
                     bool required) {
  JsonObject schema, object;
  schema["type"] = type;
  object["name"] = name;
  object["in"] = place;
  object["required"] = required;
  object["schema"] = std::move(schema);
  return object;
}

/// "/update/<id>" is "/update/{id}" there; the names come back in order.
std::string template_path(std::string_view path, std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '<') {
      text += path[i];
      continue;
    }
    auto const end = path.find('>', i);
    auto name = std::string(path.substr(i + 1, end - i - 1));
    if (name.ends_with("...")) name.resize(name.size() - 3);
    text += "{" + name + "}";
    names.push_back(std::move(name));
    i = end;
  }
  return text;
}

JsonObject value_schema(Field const& field) {
  JsonObject schema;
  switch (field.type) {
    case FieldType::number:
      schema["type"] = field.only_int ? "integer" : "number";
      break;
    case FieldType::boolean:
      schema["type"] = "boolean";
      break;
    case FieldType::json:
      break;
    case FieldType::email:
      schema["type"] = "string";
      schema["format"] = "email";
      break;
    case FieldType::url:
      schema["type"] = "string";
      schema["format"] = "uri";
      break;
    default:
      schema["type"] = "string";
  }
  if (field.type == FieldType::text && field.max_value.value_or(0) > 0)
    schema["maxLength"] = static_cast<std::int64_t>(*field.max_value);
  if (field.type == FieldType::text && field.min_value.value_or(0) > 0)
    schema["minLength"] = static_cast<std::int64_t>(*field.min_value);
  if (field.type == FieldType::select)
    schema["enum"] = boost::json::value_from(field.select_values);
  if (field.type == FieldType::autodate) schema["readOnly"] = true;
  return schema;
}

JsonObject field_schema(Field const& field) {
  if (!field.is_list()) return value_schema(field);
  JsonObject schema;
  schema["type"] = "array";
  schema["items"] = value_schema(field);
  return schema;
}

JsonObject record_schema(records::Definition const& definition) {
  JsonObject properties;
  JsonArray required;
  for (auto const& field : definition.fields) {
    if (field.is_hidden) continue;
    properties[field.name] = field_schema(field);
    auto const is_made = field.is_primary_key || !field.autogenerate_pattern.empty();
    if (field.is_required && !is_made) required.emplace_back(field.name);
  }
  for (auto const* name : {"collectionId", "collectionName"}) {
    JsonObject schema;
    schema["type"] = "string";
    schema["readOnly"] = true;
    properties[name] = std::move(schema);
  }
  JsonObject object;
  object["type"] = "object";
  object["properties"] = std::move(properties);
  if (!required.empty()) object["required"] = std::move(required);
  object["additionalProperties"] = definition.open;
  return object;
}

JsonObject error_schema() {
  JsonObject integer, text, any, properties, object;
  integer["type"] = "integer";
  text["type"] = "string";
  any["type"] = "object";
  properties["status"] = std::move(integer);
  properties["message"] = std::move(text);
  properties["data"] = std::move(any);
  object["type"] = "object";
  object["properties"] = std::move(properties);
  return object;
}

/// What a reading request may say of standbys.
void add_read_headers(JsonArray& parameters) {
  auto prefer = parameter("Prefer", "header", "string", false);
  prefer["description"] =
      "read=replica: a standby may answer; Preference-Applied tells that one did.";
  parameters.push_back(std::move(prefer));
  auto position = parameter("Minga-Position", "header", "string", false);
  position["description"] = "What a write's answer gave: the read sees at least that write.";
  parameters.push_back(std::move(position));
}

/// Of a write's answer.
JsonObject with_position(JsonObject response) {
  JsonObject schema, header, headers;
  schema["type"] = "string";
  header["schema"] = std::move(schema);
  headers["Minga-Position"] = described("Its place in the change log.", std::move(header));
  response["headers"] = std::move(headers);
  return response;
}

/// A page of records around the items' schema.
JsonObject list_schema(std::string_view record) {
  JsonObject properties, items;
  for (auto const* name : {"page", "perPage", "totalItems", "totalPages"}) {
    JsonObject schema;
    schema["type"] = "integer";
    properties[name] = std::move(schema);
  }
  items["type"] = "array";
  items["items"] = reference(fmt::format("#/components/schemas/{}", record));
  properties["items"] = std::move(items);
  JsonObject object;
  object["type"] = "object";
  object["properties"] = std::move(properties);
  return object;
}

JsonObject operation(std::string_view summary, std::vector<std::string> const& names) {
  JsonObject responses, object;
  responses["default"] = described("An error.", content(reference("#/components/schemas/Error")));
  object["summary"] = summary;
  JsonArray parameters;
  for (auto const& name : names) parameters.push_back(parameter(name, "path", "string", true));
  if (!parameters.empty()) object["parameters"] = std::move(parameters);
  object["responses"] = std::move(responses);
  return object;
}

class Description {
 public:
  void add_route(http::RouteInfo const& route) {
    std::vector<std::string> names;
    auto const path = template_path(route.path, names);
    auto object = operation(route.summary, names);
    object["responses"].get_object()["200"] = described("The answer.");
    add(path, route.method, std::move(object));
  }

  /// The record routes of one public collection, with its name in the path.
  void add_collection(records::Definition const& definition) {
    schemas_[definition.name] = record_schema(definition);
    auto const list = fmt::format("/api/collections/{}/records", definition.name);
    auto const one = list + "/{id}";
    auto const record = content(reference(fmt::format("#/components/schemas/{}", definition.name)));
    if (definition.list_rule) add_list(list, definition);
    if (definition.create_rule)
      add_write(list, Method::post, fmt::format("Creates a record of {}.", definition.name), {},
                record);
    if (definition.view_rule)
      add_answer(one, Method::get, fmt::format("Gives one record of {}.", definition.name), record);
    if (definition.update_rule)
      add_write(one, Method::patch, fmt::format("Changes a record of {}.", definition.name), {"id"},
                record);
    if (!definition.delete_rule) return;
    auto object = operation(fmt::format("Deletes a record of {}.", definition.name), {"id"});
    object["responses"].get_object()["204"] = with_position(described("It is deleted."));
    add(one, Method::delete_, std::move(object));
  }

  JsonObject finish() {
    schemas_["Error"] = error_schema();
    JsonObject info, components, document;
    info["title"] = "minga";
    info["version"] = MINGA_VERSION;
    components["schemas"] = std::move(schemas_);
    document["openapi"] = "3.1.0";
    document["info"] = std::move(info);
    document["paths"] = std::move(paths_);
    document["components"] = std::move(components);
    return document;
  }

 private:
  void add(std::string const& path, Method method, JsonObject object) {
    auto& item = paths_[path];
    if (!item.is_object()) item = JsonObject{};
    item.get_object().emplace(method_name(method), std::move(object));
  }

  void add_list(std::string const& path, records::Definition const& definition) {
    auto object = operation(fmt::format("Lists records of {}.", definition.name), {});
    JsonArray parameters;
    for (auto const* name : {"filter", "sort", "expand", "fields", "cursor"})
      parameters.push_back(parameter(name, "query", "string", false));
    for (auto const* name : {"page", "perPage", "limit"})
      parameters.push_back(parameter(name, "query", "integer", false));
    parameters.push_back(parameter("skipTotal", "query", "boolean", false));
    add_read_headers(parameters);
    object["parameters"] = std::move(parameters);
    object["responses"].get_object()["200"] =
        described("A page of records.", content(list_schema(definition.name)));
    add(path, Method::get, std::move(object));
  }

  void add_answer(std::string const& path, Method method, std::string const& summary,
                  JsonObject const& record) {
    auto object = operation(summary, {"id"});
    add_read_headers(object["parameters"].as_array());
    object["responses"].get_object()["200"] = described("The record.", record);
    add(path, method, std::move(object));
  }

  void add_write(std::string const& path, Method method, std::string const& summary,
                 std::vector<std::string> const& names, JsonObject const& record) {
    auto object = operation(summary, names);
    object["requestBody"] = record;
    object["responses"].get_object()["200"] = with_position(described("The record.", record));
    add(path, method, std::move(object));
  }

  JsonObject paths_;
  JsonObject schemas_;
};

bool is_record_route(http::RouteInfo const& route) {
  return route.path.starts_with("/api/collections/<c>/records");
}

Async<Response> describe(http::Router const& router, records::Store& store,
                         std::vector<http::RouteInfo> app_routes, Request&) {
  Description description;
  for (auto const& route : app_routes) description.add_route(route);
  for (auto const& route : router.routes()) {
    if (!is_record_route(route)) description.add_route(route);
  }
  auto const schema = store.schema();
  for (auto const& definition : schema->all()) description.add_collection(definition);
  co_return Response::json(description.finish());
}

}  // namespace

void mount_openapi(http::Router& router, records::Store& store,
                   std::function<std::vector<http::RouteInfo>()> app_routes) {
  auto handler = [&router, &store, app_routes = std::move(app_routes)](Request& request) {
    return describe(router, store, app_routes(), request);
  };
  router.add(Method::get, "/api/openapi.json", std::move(handler), "This description.");
}

}  // namespace minga::api
