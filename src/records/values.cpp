#include "records/values.hpp"

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "records/pattern.hpp"
#include "records/text_generator.hpp"

#include <boost/url/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace minga::records {
namespace {

constexpr double kExactIntegers = 9'007'199'254'740'992.0;  // 2^53

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

/// A whole number reads and shows as such: 3, not 3.0.
Json tidy(double real) {
  if (real == std::floor(real) && std::abs(real) < kExactIntegers)
    return static_cast<std::int64_t>(real);
  return real;
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
  if (std::isfinite(real)) return tidy(real);
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

/// In forms, a text that is JSON is parsed, other text is a string; a client that sends JSON means
/// what it sends.
std::optional<Json> read_json(Field const&, Json const& input, FieldErrors&) {
  return input;
}

double as_double(Json const& value) {
  return value.to_number<double>();
}

std::string number_text(double value) {
  return fmt::format("{}", value);
}

void check_text(Field const& field, std::string_view value, FieldErrors& errors) {
  auto const length = static_cast<double>(count_code_points(value));
  auto const least = field.min_value.value_or(0);
  auto const most = field.max_value.value_or(0) > 0 ? *field.max_value : kLongestText;
  JsonObject params;
  if (length < least) {
    params["min"] = static_cast<std::int64_t>(least);
    errors.add(field.name, "validation_min_text_constraint",
               fmt::format("Must be at least {} character(s).", least), std::move(params));
  } else if (length > most) {
    params["max"] = static_cast<std::int64_t>(most);
    errors.add(field.name, "validation_max_text_constraint",
               fmt::format("Must be no more than {} character(s).", most), std::move(params));
  } else if (!field.pattern_text.empty() && !matches_pattern(field.pattern_text, value)) {
    errors.add(field.name, "validation_invalid_format", "Invalid value format.");
  }
}

void check_number(Field const& field, Json const& value, FieldErrors& errors) {
  auto const number = as_double(value);
  JsonObject params;
  if (field.min_value && number < *field.min_value) {
    params["min"] = tidy(*field.min_value);
    errors.add(field.name, "validation_min_number_constraint",
               fmt::format("Must be greater or equal than {}.", number_text(*field.min_value)),
               std::move(params));
  } else if (field.max_value && number > *field.max_value) {
    params["max"] = tidy(*field.max_value);
    errors.add(field.name, "validation_max_number_constraint",
               fmt::format("Must be less or equal than {}.", number_text(*field.max_value)),
               std::move(params));
  }
}

bool domain_allowed(Field const& field, std::string_view domain) {
  auto const listed = [&](std::vector<std::string> const& domains) {
    return std::any_of(domains.begin(), domains.end(),
                       [&](std::string const& each) { return equals_ignoring_case(each, domain); });
  };
  if (!field.only_domains.empty()) return listed(field.only_domains);
  return !listed(field.except_domains);
}

void check_email(Field const& field, std::string_view value, FieldErrors& errors) {
  static std::string const pattern =
      R"(^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$)";
  if (value.size() > 254 || !matches_pattern(pattern, value)) {
    errors.add(field.name, "validation_is_email", "Must be a valid email address.");
  } else if (!domain_allowed(field, value.substr(value.rfind('@') + 1))) {
    errors.add(field.name, "validation_email_domain_not_allowed", "Email domain is not allowed.");
  }
}

void check_url(Field const& field, std::string_view value, FieldErrors& errors) {
  auto const parsed = boost::urls::parse_uri({value.data(), value.size()});
  if (!parsed || parsed->host().empty()) {
    errors.add(field.name, "validation_invalid_url", "Must be a valid url.");
  } else if (!domain_allowed(field, parsed->host())) {
    errors.add(field.name, "validation_url_domain_not_allowed", "Url domain is not allowed.");
  }
}

void check_date(Field const& field, std::string_view value, FieldErrors& errors) {
  auto const first = parse_time(field.min_date);
  auto const last = parse_time(field.max_date);
  JsonObject params;
  if (first && value < format_time(*first)) {
    params["threshold"] = format_time(*first);
    errors.add(field.name, "validation_min_greater_equal_than_required",
               fmt::format("Must be no less than {}.", format_time(*first)), params);
  } else if (last && value > format_time(*last)) {
    params["threshold"] = format_time(*last);
    errors.add(field.name, "validation_max_less_equal_than_required",
               fmt::format("Must be no greater than {}.", format_time(*last)), params);
  }
}

void check_choice(Field const& field, Json const& value, FieldErrors& errors) {
  auto const values = value.is_array() ? value.get_array() : JsonArray{value};
  auto const count = static_cast<std::int64_t>(values.size());
  JsonObject params;
  if (count > field.max_select) {
    params["maxSelect"] = field.max_select;
    errors.add(field.name, "validation_too_many_values",
               fmt::format("Select no more than {}.", field.max_select), std::move(params));
    return;
  }
  if (count < field.min_select) {
    params["minSelect"] = field.min_select;
    errors.add(field.name, "validation_not_enough_values",
               fmt::format("Select at least {}.", field.min_select), std::move(params));
    return;
  }
  if (field.type != FieldType::select) return;
  for (auto const& each : values) {
    std::string_view const text(each.get_string().data(), each.get_string().size());
    if (std::find(field.select_values.begin(), field.select_values.end(), text) !=
        field.select_values.end())
      continue;
    params["value"] = text;
    errors.add(field.name, "validation_invalid_value", fmt::format("Invalid value {}.", text),
               params);
    return;
  }
}

void check_json(Field const& field, Json const& value, FieldErrors& errors) {
  auto const most = field.max_size > 0 ? field.max_size : 1'048'576;
  if (static_cast<std::int64_t>(json_text(value).size()) <= most) return;
  JsonObject params;
  params["maxSize"] = most;
  errors.add(field.name, "validation_json_size_limit",
             fmt::format("The maximum allowed JSON size is {} bytes.", most), std::move(params));
}

bool is_blank_json(Json const& value) {
  return value.is_null() || (value.is_string() && value.get_string().empty()) ||
         (value.is_array() && value.get_array().empty()) ||
         (value.is_object() && value.get_object().empty());
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
  auto const sum = as_double(stored) + (plus ? 1 : -1) * as_double(operand);
  return std::isfinite(sum) ? std::optional<Json>(tidy(sum)) : std::nullopt;
}

}  // namespace

void FieldErrors::add(std::string_view field, std::string_view code, std::string_view message,
                      JsonObject params) {
  if (errors_.contains(field)) return;
  errors_[field] = field_error(code, message, std::move(params));
}

void FieldErrors::throw_if_any(std::string_view message) {
  if (!errors_.empty()) throw Error(400, "invalid", std::string(message), std::move(errors_));
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
  if (value.is_number()) return as_double(value) == 0;
  if (value.is_bool()) return !value.get_bool();
  if (value.is_array()) return value.get_array().empty();
  return value.is_string() && value.get_string().empty();
}

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
      return read_json(field, input, errors);
  }
  return unsupported(field, errors);
}

void check_value(Field const& field, Json const& value, FieldErrors& errors) {
  if (is_zero(field, value)) {
    if (field.is_required) errors.add(field.name, "validation_required", "Cannot be blank.");
    if (!field.is_required && field.min_select > 0) check_choice(field, JsonArray{}, errors);
    return;
  }
  auto const view = [&] {
    return std::string_view(value.get_string().data(), value.get_string().size());
  };
  switch (field.type) {
    case FieldType::text:
      return check_text(field, view(), errors);
    case FieldType::number:
      return check_number(field, value, errors);
    case FieldType::email:
      return check_email(field, view(), errors);
    case FieldType::url:
      return check_url(field, view(), errors);
    case FieldType::date:
      return check_date(field, view(), errors);
    case FieldType::select:
    case FieldType::relation:
      return check_choice(field, value, errors);
    case FieldType::json:
      return check_json(field, value, errors);
    case FieldType::boolean:
    case FieldType::autodate:
      return;
  }
}

sql::Value to_column(Field const& field, Json const& value) {
  if (value.is_null()) return sql::Null{};
  if (field.type == FieldType::json || field.is_list()) return json_text(value);
  if (field.type == FieldType::number && field.only_int) return value.to_number<std::int64_t>();
  if (field.type == FieldType::number) return as_double(value);
  if (field.type == FieldType::boolean) return value.get_bool();
  return std::string(value.get_string().data(), value.get_string().size());
}

Json from_column(Field const& field, sql::Value&& value) {
  if (std::holds_alternative<sql::Null>(value)) return nullptr;
  if (field.type == FieldType::json || field.is_list())
    return minga::read_json(std::get<std::string>(value));
  if (auto const* integer = std::get_if<std::int64_t>(&value)) {
    if (field.type == FieldType::boolean) return *integer != 0;
    return *integer;
  }
  if (auto const* real = std::get_if<double>(&value)) return tidy(*real);
  return Json(std::get<std::string>(value));
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
