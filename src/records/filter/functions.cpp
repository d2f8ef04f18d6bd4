#include "records/filter/functions.hpp"

#include "base/text.hpp"
#include "records/filter/literals.hpp"

#include <cmath>
#include <numbers>

namespace minga::records::filter {
namespace {

constexpr double kEarthRadius = 6'371;  // km

std::size_t code_point_size(std::string_view text, std::size_t at) {
  std::size_t size = 1;
  while (at + size < text.size() && (static_cast<unsigned char>(text[at + size]) & 0xC0) == 0x80)
    ++size;
  return size;
}

/// Both folded. Linear but for the backtracking to the last %, which is all that one % needs.
bool like_folded(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0;
  std::size_t star = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    auto const wild = p < pattern.size() && pattern[p] == '%';
    if (wild) {
      star = ++p;
      retry = t;
      continue;
    }
    auto const escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    auto const literal = p + (escaped ? 1 : 0);
    if (p < pattern.size() && !escaped && pattern[p] == '_') {
      t += code_point_size(text, t);
      ++p;
    } else if (p < pattern.size() && pattern[literal] == text[t]) {
      ++t;
      p = literal + 1;
    } else if (star != std::string_view::npos) {
      p = star;
      t = retry += code_point_size(text, retry);
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

bool is_null(sql::Value const& value) {
  return std::holds_alternative<sql::Null>(value);
}

sql::Value call_like(std::span<sql::Value const> values) {
  if (is_null(values[0]) || is_null(values[1])) return sql::Null{};
  return std::int64_t{like(shown(values[0]), shown(values[1]))};
}

sql::Value call_contains(std::span<sql::Value const> values) {
  if (is_null(values[0]) || is_null(values[1])) return sql::Null{};
  return std::int64_t{fold_case(shown(values[0])).find(fold_case(shown(values[1]))) !=
                      std::string::npos};
}

sql::Value call_lower(std::span<sql::Value const> values) {
  if (is_null(values[0])) return sql::Null{};
  return lower_case(shown(values[0]));
}

sql::Value call_compare(std::span<sql::Value const> values) {
  return std::int64_t{compare(shown(values[0]), values[1], values[2])};
}

std::optional<double> as_number(sql::Value const& value) {
  if (auto const* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (auto const* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

sql::Value call_degrees(std::span<sql::Value const> values) {
  auto const number = as_number(values[0]);
  if (!number) return sql::Null{};
  return *number;
}

sql::Value call_geo_distance(std::span<sql::Value const> values) {
  double radians[4];
  for (std::size_t i = 0; i < 4; ++i) {
    auto const degrees = as_number(values[i]);
    if (!degrees) return sql::Null{};
    radians[i] = *degrees * std::numbers::pi / 180;
  }
  auto const& [lon_a, lat_a, lon_b, lat_b] = radians;
  auto const sin_lat = std::sin((lat_b - lat_a) / 2);
  auto const sin_lon = std::sin((lon_b - lon_a) / 2);
  auto const haversine = sin_lat * sin_lat + std::cos(lat_a) * std::cos(lat_b) * sin_lon * sin_lon;
  return 2 * kEarthRadius * std::asin(std::min(1.0, std::sqrt(haversine)));
}

bool holds(std::string_view op, std::partial_ordering order) {
  if (op == "=") return order == 0;
  if (op == "!=") return order != 0;
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  return order >= 0;
}

std::partial_ordering order_numbers(sql::Value const& a, sql::Value const& b) {
  auto const* x = std::get_if<std::int64_t>(&a);
  auto const* y = std::get_if<std::int64_t>(&b);
  if (x != nullptr && y != nullptr) return *x <=> *y;
  return *as_number(a) <=> *as_number(b);
}

}  // namespace

bool like(std::string_view text, std::string_view pattern) {
  return like_folded(fold_case(text), fold_case(pattern));
}

bool compare(std::string_view op, sql::Value const& a, sql::Value const& b) {
  if (is_null(a) || is_null(b)) {
    auto const both = is_null(a) && is_null(b);
    return op == "=" ? both : op == "!=" && !both;
  }
  auto const a_is_text = std::holds_alternative<std::string>(a);
  auto const b_is_text = std::holds_alternative<std::string>(b);
  if (a_is_text && b_is_text)
    return holds(op, std::get<std::string>(a) <=> std::get<std::string>(b));
  auto const x = a_is_text ? decimal(std::get<std::string>(a)) : std::optional<sql::Value>(a);
  auto const y = b_is_text ? decimal(std::get<std::string>(b)) : std::optional<sql::Value>(b);
  if (!x || !y) return op == "!=";
  return holds(op, order_numbers(*x, *y));
}

std::vector<NamedFunction> const& sql_functions() {
  static std::vector<NamedFunction> const functions{
      {"minga_like", 2, call_like},       {"minga_contains", 2, call_contains},
      {"minga_lower", 1, call_lower},     {"minga_compare", 3, call_compare},
      {"minga_degrees", 1, call_degrees}, {"minga_geo_distance", 4, call_geo_distance}};
  return functions;
}

}  // namespace minga::records::filter
