#include "http/forms.hpp"

#include <minga/error.hpp>

#include "base/json_text.hpp"
#include "base/text.hpp"

#include <boost/json/error.hpp>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace minga::http {
namespace {

/// "5", "-1.5": what a number would be written as again; not "05", "1e3", "1.0".
std::optional<Json> shortest_number(std::string_view text) {
  if (text.empty() || text.size() > 24 || (text[0] != '-' && (text[0] < '0' || text[0] > '9')))
    return std::nullopt;
  auto const* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (auto const [rest, error] = std::from_chars(text.data(), end, integer);
      error == std::errc{} && rest == end) {
    return fmt::format("{}", integer) == text ? std::optional<Json>(integer) : std::nullopt;
  }
  double real = 0;
  auto const [rest, error] = std::from_chars(text.data(), end, real, std::chars_format::fixed);
  if (error != std::errc{} || rest != end || !std::isfinite(real)) return std::nullopt;
  return fmt::format("{}", real) == text ? std::optional<Json>(real) : std::nullopt;
}

Json form_value(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (auto number = shortest_number(text)) return *number;
  return Json(text);
}

constexpr std::string_view kHasZero = "validation_invalid_text";
constexpr std::string_view kNoZeros = "Must not hold U+0000.";

void check_text(std::string_view name, std::string_view value) {
  auto const has_zero = name.find('\0') != std::string_view::npos;
  if (has_zero || value.find('\0') != std::string_view::npos) {
    JsonObject data;
    data[name] = field_error(kHasZero, kNoZeros);
    throw Error::bad_request("A form or query holds U+0000.", std::move(data));
  }
  if (!is_valid_utf8(name) || !is_valid_utf8(value))
    throw Error::bad_request("A form or query is not valid UTF-8.");
}

/// Says in which fields, where there are fields.
void check_texts(Json const& value) {
  if (!holds_zero(value)) return;
  JsonObject data;
  if (auto const* object = value.if_object()) {
    for (auto const& [key, each] : *object) {
      if (key.find('\0') != std::string_view::npos || holds_zero(each))
        data[key] = field_error(kHasZero, kNoZeros);
    }
  }
  throw Error::bad_request("The JSON holds U+0000.", std::move(data));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_urlencoded(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    auto const end = std::min(text.find('&'), text.size());
    auto const pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    auto const equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value)
      throw Error::bad_request(
          "A percent-encoded text is malformed: % and two hexadecimal digits are expected.");
    check_text(*name, *value);
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return pairs;
}

Json parse_json(std::string_view text, std::size_t max_depth) {
  boost::system::error_code error;
  auto value = read_json(text, error, max_depth);
  if (error == boost::json::error::too_deep) {
    throw Error::bad_request(fmt::format("The JSON is nested deeper than {} levels.", max_depth));
  }
  if (error) throw Error::bad_request(fmt::format("The JSON is malformed: {}.", error.message()));
  check_texts(value);
  return value;
}

void FormFields::add(std::string_view name, std::string_view value) {
  check_text(name, {});
  if (name == "@jsonPayload") {
    auto const parsed = parse_json(value, max_depth_);
    if (!parsed.is_object()) throw Error::bad_request("@jsonPayload must hold a JSON object.");
    for (auto const& [key, each] : parsed.get_object()) payload_.insert_or_assign(key, each);
    return;
  }
  check_text(name, value);
  auto* present = plain_.if_contains(name);
  if (present == nullptr) {
    plain_[name] = form_value(value);
    return;
  }
  if (!present->is_array()) *present = JsonArray{std::move(*present)};
  present->get_array().push_back(form_value(value));
}

JsonObject FormFields::take() {
  for (auto const& [key, value] : payload_) plain_.insert_or_assign(key, value);
  return std::move(plain_);
}

}  // namespace minga::http
