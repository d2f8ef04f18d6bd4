#include <minga/field.hpp>

#include <fmt/format.h>

#include <stdexcept>

namespace minga {
namespace {

Field named(FieldType type, std::string name) {
  Field field;
  field.type = type;
  field.name = std::move(name);
  return field;
}

void require(bool fits, Field const& field, char const* setter) {
  if (!fits)
    throw std::invalid_argument(
        fmt::format("The field '{}' is of a type that has no {}()", field.name, setter));
}

}  // namespace

Field& Field::required(bool value) {
  is_required = value;
  return *this;
}

Field& Field::hidden(bool value) {
  is_hidden = value;
  return *this;
}

Field& Field::presentable(bool value) {
  is_presentable = value;
  return *this;
}

Field& Field::nullable(bool value) {
  is_nullable = value;
  return *this;
}

Field& Field::unique(bool value) {
  is_unique = value;
  return *this;
}

Field& Field::min(double value) {
  require(type == FieldType::text || type == FieldType::number, *this, "min");
  min_value = value;
  return *this;
}

Field& Field::max(double value) {
  require(type == FieldType::text || type == FieldType::number, *this, "max");
  max_value = value;
  return *this;
}

Field& Field::integer(bool value) {
  require(type == FieldType::number, *this, "integer");
  only_int = value;
  return *this;
}

Field& Field::pattern(std::string regex) {
  require(type == FieldType::text, *this, "pattern");
  pattern_text = std::move(regex);
  return *this;
}

Field& Field::autogenerate(std::string regex) {
  require(type == FieldType::text, *this, "autogenerate");
  autogenerate_pattern = std::move(regex);
  return *this;
}

Field& Field::between(std::string first, std::string last) {
  require(type == FieldType::date, *this, "between");
  min_date = std::move(first);
  max_date = std::move(last);
  return *this;
}

Field& Field::many(std::int64_t most, std::int64_t least) {
  require(type == FieldType::select || type == FieldType::relation, *this, "many");
  max_select = most;
  min_select = least;
  return *this;
}

Field& Field::cascade_delete(bool value) {
  require(type == FieldType::relation, *this, "cascade_delete");
  cascades = value;
  return *this;
}

Field& Field::max_bytes(std::int64_t bytes) {
  require(type == FieldType::json, *this, "max_bytes");
  max_size = bytes;
  return *this;
}

bool Field::is_list() const {
  return (type == FieldType::select || type == FieldType::relation) && max_select > 1;
}

Field text(std::string name) {
  return named(FieldType::text, std::move(name));
}
Field number(std::string name) {
  return named(FieldType::number, std::move(name));
}
Field boolean(std::string name) {
  return named(FieldType::boolean, std::move(name));
}
Field email(std::string name) {
  return named(FieldType::email, std::move(name));
}
Field url(std::string name) {
  return named(FieldType::url, std::move(name));
}
Field date(std::string name) {
  return named(FieldType::date, std::move(name));
}
Field json(std::string name) {
  return named(FieldType::json, std::move(name));
}

Field autodate(std::string name, bool on_update) {
  auto field = named(FieldType::autodate, std::move(name));
  field.on_create = true;
  field.on_update = on_update;
  return field;
}

Field select(std::string name, std::vector<std::string> values) {
  auto field = named(FieldType::select, std::move(name));
  field.select_values = std::move(values);
  return field;
}

Field relation(std::string name, std::string collection) {
  auto field = named(FieldType::relation, std::move(name));
  field.collection = std::move(collection);
  return field;
}

}  // namespace minga
