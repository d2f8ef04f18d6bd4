#include "cluster/json_parts.hpp"

namespace minga::cluster {

Json const* find(Json const* value, std::string_view name) {
  return value != nullptr && value->is_object() ? value->get_object().if_contains(name) : nullptr;
}

Json const* find(std::optional<Json> const& value, std::string_view name) {
  return value ? find(&*value, name) : nullptr;
}

std::string text_of(Json const* value) {
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::optional<std::int64_t> number_of(Json const* value) {
  if (value == nullptr || !value->is_number()) return std::nullopt;
  boost::system::error_code error;
  auto const number = value->to_number<std::int64_t>(error);
  return error ? std::nullopt : std::optional(number);
}

bool truth_of(Json const* value) {
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace minga::cluster
