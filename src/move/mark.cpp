#include "move/mark.hpp"

#include "base/json_text.hpp"
#include "move/fence.hpp"

namespace minga::move {
namespace {

constexpr char const* kSave =
    "INSERT INTO _settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = "
    "excluded.value";

Json json_of(Key const& key) {
  JsonArray parts;
  for (auto const& part : key) {
    if (auto const* integer = std::get_if<std::int64_t>(&part)) {
      parts.emplace_back(*integer);
    } else {
      parts.emplace_back(std::get<std::string>(part));
    }
  }
  return parts;
}

std::string string_of(Json const& value) {
  auto const& text = value.as_string();
  return {text.data(), text.size()};
}

Key key_of_json(Json const& value) {
  Key key;
  for (auto const& part : value.as_array()) {
    if (part.is_string()) {
      key.emplace_back(string_of(part));
    } else {
      key.emplace_back(part.to_number<std::int64_t>());
    }
  }
  return key;
}

}  // namespace

bool Mark::covers(std::string const& table, Key const& key) const {
  if (copied.contains(table)) return true;
  auto const found = after.find(table);
  return found != after.end() && compare_keys(key, found->second) <= 0;
}

std::string Mark::text() const {
  JsonObject tables;
  for (auto const& [table, key] : after) tables[table] = json_of(key);
  JsonArray done;
  for (auto const& table : copied) done.emplace_back(table);
  JsonObject object;
  object["source"] = source;
  object["transaction"] = place.transaction;
  object["number"] = place.number;
  object["after"] = std::move(tables);
  object["copied"] = std::move(done);
  return json_text(object);
}

Mark Mark::parse(std::string_view text) {
  auto const object = read_json(text).as_object();
  Mark mark;
  mark.source = string_of(object.at("source"));
  mark.place.transaction = object.at("transaction").to_number<std::int64_t>();
  mark.place.number = object.at("number").to_number<std::int64_t>();
  for (auto const& pair : object.at("after").as_object())
    mark.after[std::string(pair.key())] = key_of_json(pair.value());
  for (auto const& table : object.at("copied").as_array()) mark.copied.insert(string_of(table));
  return mark;
}

sql::Statement Mark::save() const {
  sql::Params values;
  values.emplace_back(std::string(kMarkSetting));
  values.emplace_back(text());
  return sql::Statement(kSave, std::move(values));
}

}  // namespace minga::move
