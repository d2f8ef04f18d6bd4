// Values against the options of their fields.
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "records/pattern.hpp"
#include "records/values.hpp"

#include <boost/url/parse.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace minga::records {
namespace {

std::string number_text(double value) {
  return fmt::format("{}", value);
}

void check_text(Field const& field, std::string_view value, FieldErrors& errors) {
  auto const least = field.min_value.value_or(0);
  auto const most = field.max_value.value_or(0) > 0 ? *field.max_value : kLongestText;
  // A code point takes one to four bytes: most texts need no counting.
  auto const bytes = static_cast<double>(value.size());
  auto const fits = bytes <= most && bytes / 4 >= least;
  auto const length = fits ? bytes : static_cast<double>(count_code_points(value));
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
  auto const number = value.to_number<double>();
  JsonObject params;
  if (field.min_value && number < *field.min_value) {
    params["min"] = tidy_number(*field.min_value);
    errors.add(field.name, "validation_min_number_constraint",
               fmt::format("Must be greater or equal than {}.", number_text(*field.min_value)),
               std::move(params));
  } else if (field.max_value && number > *field.max_value) {
    params["max"] = tidy_number(*field.max_value);
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

}  // namespace

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

}  // namespace minga::records
