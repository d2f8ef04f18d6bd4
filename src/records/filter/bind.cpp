#include <minga/filter.hpp>

#include "base/text.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <stdexcept>

namespace minga {
namespace {

/// Whether the text ends in `~` or `!~`, so that what follows is looked for within a text.
bool ends_in_contains(std::string_view expression) {
  return trim(expression).ends_with('~');
}

std::string literal(std::string_view name, Json const& value, bool within) {
  if (value.is_object() || value.is_array()) {
    throw std::invalid_argument(
        fmt::format("filter: {{:{}}} is a list or an object, which has no literal", name));
  }
  auto const* text = value.if_string();
  if (!text || !within) return boost::json::serialize(value);
  std::string escaped;
  for (char c : *text) {
    if (c == '%') escaped += '\\';
    escaped += c;
  }
  return boost::json::serialize(boost::json::string_view(escaped));
}

}  // namespace

std::string filter(std::string_view expression, JsonObject const& values) {
  std::string bound;
  while (true) {
    auto open = expression.find("{:");
    if (open == std::string_view::npos) return bound.append(expression);
    auto close = expression.find('}', open);
    if (close == std::string_view::npos) {
      throw std::invalid_argument("filter: {: without }");
    }
    auto name = expression.substr(open + 2, close - open - 2);
    auto const* value = values.if_contains(name);
    if (!value) throw std::invalid_argument(fmt::format("filter: no value for {{:{}}}", name));
    auto before = expression.substr(0, open);
    bound.append(before);
    bound += literal(name, *value, ends_in_contains(before));
    expression.remove_prefix(close + 1);
  }
}

}  // namespace minga
