// What clients send, read as the types of fields.
#include "base/json_text.hpp"
#include "base/time_text.hpp"
#include "records/text_generator.hpp"
#include "records/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace minga::records {
namespace {

std::nullopt_t unsupported(Field const& field, FieldErrors& errors) {
  errors.add(field.name, "validation_unsupported_value_type", "Invalid or unsupported value type.");
  return std::nullopt;
}

/// Number and bool as text too; null where the caller turned it into the zero value already.
std::optional<Json> read_text(Field const& field, Json const& input, FieldErrors& errors) {
  if (input.is_string()) return input;
  if (input.is_bool() || input.is_number()) return Json(json_text(input));
  return unsupported(field, errors);
}

std::optional<Json> read_integer(Field const& field, Json const& input, FieldErrors& errors) {
  if (input.is_int64()) return input;
  double real = 0;
  if (input.is_string()) {
    auto const& text = input.get_string();
    std::int64_t integer = 0;
    auto const [end, error] = std::from_chars(text.begin(), text.end(), integer);
    if (error == std::errc{} && end == text.end()) return Json(integer);
    auto const [rest, failure] = std::from_chars(text.begin(), text.end(), real);
    if (failure != std::errc{} || rest != text.end() || !std::isfinite(real)) {
      errors.add(field.name, "validation_not_a_number", "Must be a number.");
      return std::nullopt;
    }
  } else if (input.is_double()) {
    real = input.get_double();
  } else {
    errors.add(field.name, "validation_not_a_number",
               "Must be a number, a 64-bit integer at most.");
    return std::nullopt;
  }
  if (real != std::floor(real) || std::abs(real) > kExactIntegers) {
    errors.add(field.name, "validation_only_int_constraint", "Decimal numbers are not allowed.");
    return std::nullopt;
  }
  return Json(static_cast<std::int64_t>(real));
}

std::optional<Json> read_number(Field const& field, Json const& input, FieldErrors& errors) {
  if (input.is_string() && input.get_string().empty()) return zero_value(field);
  if (field.only_int) return read_integer(field, input, errors);
  double real = NAN;
  if (input.is_number()) real = input.to_number<double>();
  if (input.is_string()) {
    auto const& text = input.get_string();
    auto const [end, error] = std::from_chars(text.begin(), text.end(), real);
    if (error != std::errc{} || end != text.end()) real = NAN;
  }
  if (std::isfinite(real)) return tidy_number(real);
  errors.add(field.name, "validation_not_a_number", "Must be a number.");
  return std::nullopt;
}

std::optional<Json> read_boolean(Field const& field, Json const& input, FieldErrors& errors) {
  if (input.is_bool()) return input;
  if (input.is_int64() && (input.get_int64() == 0 || input.get_int64() == 1))
    return Json(input.get_int64() == 1);
  if (input.is_string()) {
    auto const& text = input.get_string();
    if (text == "true" || text == "1") return Json(true);
    if (text == "false" || text == "0" || text.empty()) return Json(false);
  }
  JsonObject params;
  params["value"] = input;
  errors.add(field.name, "validation_invalid_value",
             fmt::format("Invalid value {}.", json_text(input)), std::move(params));
  return std::nullopt;
}

std::optional<Json> read_date(Field const& field, Json const& input, FieldErrors& errors) {
  std::optional<SystemTime> time;
  if (input.is_string()) {
    if (input.get_string().empty()) return zero_value(field);
    time = parse_time({input.get_string().data(), input.get_string().size()});
  } else if (input.is_int64()) {
    time = parse_time(std::to_string(input.get_int64()));
  }
  if (time) return Json(format_time(*time));
  errors.add(field.name, "validation_date_invalid", "Must be a valid date.");
  return std::nullopt;
}

/// One text, a list of texts, or such a list as JSON text: the values, without doubles and empties.
std::optional<JsonArray> read_values(Field const& field, Json const& input, FieldErrors& errors) {
  JsonArray given;
  if (input.is_string() && input.get_string().starts_with('[')) {
    boost::system::error_code failure;
    auto parsed = minga::read_json({input.get_string().data(), input.get_string().size()}, failure);
    if (!failure && parsed.is_array()) given = std::move(parsed.get_array());
    if (failure) given.push_back(input);
  } else if (input.is_array()) {
    given = input.get_array();
  } else {
    given.push_back(input);
  }
  JsonArray values;
  for (auto const& each : given) {
    auto const text = each.is_null() ? std::optional<Json>("") : read_text(field, each, errors);
    if (!text) return std::nullopt;
    auto const seen = std::find(values.begin(), values.end(), *text) != values.end();
    if (!seen && !text->get_string().empty()) values.push_back(*text);
  }
  return values;
}

std::optional<Json> read_choice(Field const& field, Json const& input, FieldErrors& errors) {
  auto values = read_values(field, input, errors);
  if (!values) return std::nullopt;
  if (field.is_list()) return Json(std::move(*values));
  return values->empty() ? zero_value(field) : values->back();
}

/// Exact where 64 bits hold the result; nothing where no double does.
std::optional<Json> add(Json const& stored, Json const& operand, bool plus) {
  if (stored.is_int64() && operand.is_int64()) {
    std::int64_t sum = 0;
    auto const overflows =
        plus ? __builtin_add_overflow(stored.get_int64(), operand.get_int64(), &sum)
             : __builtin_sub_overflow(stored.get_int64(), operand.get_int64(), &sum);
    if (!overflows) return Json(sum);
  }
  auto const sum = stored.to_number<double>() + (plus ? 1 : -1) * operand.to_number<double>();
  return std::isfinite(sum) ? std::optional<Json>(tidy_number(sum)) : std::nullopt;
}

}  // namespace

std::optional<Json> read_value(Field const& field, Json const& input, FieldErrors& errors) {
  if (input.is_null() && field.type != FieldType::json) return zero_value(field);
  switch (field.type) {
    case FieldType::text:
    case FieldType::email:
    case FieldType::url:
      return read_text(field, input, errors);
    case FieldType::number:
      return read_number(field, input, errors);
    case FieldType::boolean:
      return read_boolean(field, input, errors);
    case FieldType::date:
    case FieldType::autodate:
      return read_date(field, input, errors);
    case FieldType::select:
    case FieldType::relation:
      return read_choice(field, input, errors);
    case FieldType::json:
      return input;
  }
  return unsupported(field, errors);
}

void read_json_texts(Definition const& definition, JsonObject& input) {
  for (auto const& field : definition.fields) {
    if (field.type != FieldType::json) continue;
    auto* value = input.if_contains(field.name);
    if (value == nullptr || !value->is_string()) continue;
    boost::system::error_code no_json;
    auto parsed =
        minga::read_json({value->get_string().data(), value->get_string().size()}, no_json);
    if (!no_json) *value = std::move(parsed);
  }
}

std::optional<Json> apply_modifier(Field const& field, Json const& stored, Modifier modifier,
                                   Json const& operand, FieldErrors& errors) {
  if (field.type == FieldType::text && modifier == Modifier::autogenerate) {
    auto text = operand.is_null() ? Json("") : read_text(field, operand, errors);
    if (text && !field.autogenerate_pattern.empty())
      text->get_string().append(generate_text(field.autogenerate_pattern));
    return text;
  }
  if (field.type == FieldType::number && modifier != Modifier::prepend &&
      modifier != Modifier::autogenerate) {
    auto const read = read_number(field, operand, errors);
    if (!read) return std::nullopt;
    auto sum = add(stored.is_null() ? Json(0) : stored, *read, modifier == Modifier::append);
    if (sum && !(field.only_int && sum->is_double())) return sum;
    errors.add(field.name, "validation_not_a_number", "The result is more than the field holds.");
    return std::nullopt;
  }
  auto const is_choice = field.type == FieldType::select || field.type == FieldType::relation;
  if (!is_choice || modifier == Modifier::autogenerate) {
    errors.add(field.name, "validation_invalid_value", "The field's type has no such modifier.");
    return std::nullopt;
  }
  auto const operands = read_values(field, operand, errors);
  if (!operands) return std::nullopt;
  JsonArray values = stored.is_array() ? stored.get_array() : JsonArray{};
  if (stored.is_string() && !stored.get_string().empty()) values.push_back(stored);
  for (auto const& each : *operands) {
    auto const present = std::find(values.begin(), values.end(), each);
    if (present != values.end()) values.erase(present);
  }
  if (modifier == Modifier::append) values.insert(values.end(), operands->begin(), operands->end());
  if (modifier == Modifier::prepend)
    values.insert(values.begin(), operands->begin(), operands->end());
  return read_choice(field, values, errors);
}

}  // namespace minga::records
