#include "base/json_text.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace minga {
namespace {

bool has_double(Json const& value);

bool has_double(JsonObject const& object) {
  return std::any_of(object.begin(), object.end(),
                     [](auto const& pair) { return has_double(pair.value()); });
}

bool has_double(Json const& value) {
  if (auto const* object = value.if_object()) return has_double(*object);
  if (auto const* array = value.if_array())
    return std::any_of(array->begin(), array->end(),
                       [](Json const& each) { return has_double(each); });
  return value.is_double();
}

void write(std::string& out, Json const& value);

void write(std::string& out, JsonObject const& object) {
  out += '{';
  bool first = true;
  for (auto const& pair : object) {
    if (!std::exchange(first, false)) out += ',';
    out += boost::json::serialize(boost::json::string_view(pair.key()));
    out += ':';
    write(out, pair.value());
  }
  out += '}';
}

void write(std::string& out, JsonArray const& array) {
  out += '[';
  bool first = true;
  for (auto const& value : array) {
    if (!std::exchange(first, false)) out += ',';
    write(out, value);
  }
  out += ']';
}

void write(std::string& out, Json const& value) {
  if (auto const* object = value.if_object()) {
    write(out, *object);
  } else if (auto const* array = value.if_array()) {
    write(out, *array);
  } else if (auto const* real = value.if_double()) {
    // "-0" would read back as the integer 0.
    auto const is_negative_zero = *real == 0 && std::signbit(*real);
    fmt::format_to(std::back_inserter(out), "{}{}", *real, is_negative_zero ? ".0" : "");
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

std::string json_text(Json const& value) {
  if (!has_double(value)) return boost::json::serialize(value);
  std::string out;
  write(out, value);
  return out;
}

std::string json_text(JsonObject const& value) {
  if (!has_double(value)) return boost::json::serialize(value);
  std::string out;
  write(out, value);
  return out;
}

}  // namespace minga
