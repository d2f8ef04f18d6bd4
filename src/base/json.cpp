#include <minga/json.hpp>

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace minga {
namespace {

void write(std::string& out, Json const& value, std::size_t depth) {
  auto line = [&](std::size_t level) {
    out.append("\n").append(2 * level, ' ');
  };
  if (auto const* object = value.if_object(); object && !object->empty()) {
    char const* before = "{";
    for (auto const& [key, member] : *object) {
      out += before;
      line(depth + 1);
      out += boost::json::serialize(boost::json::string_view(key));
      out += ": ";
      write(out, member, depth + 1);
      before = ",";
    }
    line(depth);
    out += '}';
  } else if (auto const* array = value.if_array(); array && !array->empty()) {
    char const* before = "[";
    for (auto const& element : *array) {
      out += before;
      line(depth + 1);
      write(out, element, depth + 1);
      before = ",";
    }
    line(depth);
    out += ']';
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

JsonObject pick(JsonObject object, std::initializer_list<std::string_view> keys) {
  auto const has_key = [](auto const& pair, std::string_view key) {
    return pair.key() == key;
  };
  if (std::equal(object.begin(), object.end(), keys.begin(), keys.end(), has_key)) return object;
  JsonObject picked(object.storage());
  picked.reserve(keys.size());
  for (auto const key : keys) {
    if (auto* value = object.if_contains(key)) picked.emplace(key, std::move(*value));
  }
  return picked;
}

std::string pretty(Json const& value) {
  std::string out;
  write(out, value, 0);
  return out;
}

}  // namespace minga
