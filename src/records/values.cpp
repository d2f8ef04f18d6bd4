#include "records/values.hpp"

#include "base/json_text.hpp"

#include <cmath>

namespace minga::records {
namespace {

constexpr std::string_view kNotUnique = "validation_not_unique";

bool is_blank_json(Json const& value) {
  return value.is_null() || (value.is_string() && value.get_string().empty()) ||
         (value.is_array() && value.get_array().empty()) ||
         (value.is_object() && value.get_object().empty());
}

bool is_kept_as_json(Field const& field) {
  return field.type == FieldType::json || field.is_list();
}

}  // namespace

Json tidy_number(double real) {
  if (real == std::floor(real) && std::abs(real) < kExactIntegers)
    return static_cast<std::int64_t>(real);
  return real;
}

void FieldErrors::add(std::string_view field, std::string_view code, std::string_view message,
                      JsonObject params) {
  if (errors_.contains(field)) return;
  errors_[field] = field_error(code, message, std::move(params));
}

void FieldErrors::add_not_unique(std::string_view field) {
  add(field, kNotUnique, "Value must be unique.");
}

bool FieldErrors::is_not_unique(std::string_view field) const {
  auto const* problem = errors_.if_contains(field);
  return problem != nullptr && problem->as_object().at("code").as_string() == kNotUnique;
}

Error FieldErrors::error(std::string_view message) const {
  return {400, "invalid", std::string(message), errors_};
}

void FieldErrors::throw_if_any(std::string_view message) const {
  if (!errors_.empty()) throw error(message);
}

Json zero_value(Field const& field) {
  if (field.is_nullable || field.type == FieldType::json) return nullptr;
  if (field.is_list()) return JsonArray{};
  if (field.type == FieldType::number) return std::int64_t{0};
  if (field.type == FieldType::boolean) return false;
  return "";
}

bool is_zero(Field const& field, Json const& value) {
  if (field.type == FieldType::json) return is_blank_json(value);
  if (value.is_null()) return true;
  if (value.is_number()) return value.to_number<double>() == 0;
  if (value.is_bool()) return !value.get_bool();
  if (value.is_array()) return value.get_array().empty();
  return value.is_string() && value.get_string().empty();
}

sql::Value to_column(Field const& field, Json const& value) {
  if (value.is_null()) return sql::Null{};
  if (is_kept_as_json(field)) return json_text(value);
  if (field.type == FieldType::number && field.only_int) return value.to_number<std::int64_t>();
  if (field.type == FieldType::number) return value.to_number<double>();
  if (field.type == FieldType::boolean) return value.get_bool();
  return std::string(value.get_string().data(), value.get_string().size());
}

Json from_column(Field const& field, sql::Value const& value) {
  if (std::holds_alternative<sql::Null>(value)) return nullptr;
  if (is_kept_as_json(field)) return minga::read_json(std::get<std::string>(value));
  if (auto const* integer = std::get_if<std::int64_t>(&value)) {
    if (field.type == FieldType::boolean) return *integer != 0;
    return *integer;
  }
  if (auto const* real = std::get_if<double>(&value)) return tidy_number(*real);
  return Json(std::get<std::string>(value));
}

void append_column(std::string& out, Field const& field, sql::Value const& value) {
  auto const* text = std::get_if<std::string>(&value);
  if (text == nullptr || is_kept_as_json(field)) {
    append_json(out, from_column(field, value));
  } else {
    append_json_string(out, *text);
  }
}

}  // namespace minga::records
