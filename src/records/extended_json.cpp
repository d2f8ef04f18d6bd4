#include "records/extended_json.hpp"

#include "base/ids.hpp"
#include "base/time_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <unordered_map>

namespace minga::records {
namespace {

std::string_view view(Json const& text) {
  return {text.get_string().data(), text.get_string().size()};
}

std::optional<std::int64_t> integer_of(Json const& value) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_string()) return std::nullopt;
  auto const text = view(value);
  std::int64_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Nothing outside of the years 0000..9999.
std::optional<Json> time_of(std::int64_t millis) {
  using namespace std::chrono;
  constexpr SystemTime kFirst = sys_days{year{0} / 1 / 1};
  constexpr SystemTime kEnd = sys_days{year{10'000} / 1 / 1};
  SystemTime const time{milliseconds{millis}};
  if (time < kFirst || time >= kEnd) return std::nullopt;
  return Json(format_time(time));
}

std::optional<Json> read_integer(Json const& value) {
  auto const number = integer_of(value);
  return number ? std::optional<Json>(*number) : std::nullopt;
}

std::optional<Json> read_double(Json const& value) {
  if (value.is_number()) return value;
  if (!value.is_string()) return std::nullopt;
  auto const text = view(value);
  double number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return std::isfinite(number) ? Json(number) : value;
}

std::optional<Json> read_date(Json const& value) {
  if (auto const* object = value.if_object()) {
    auto const* millis = object->if_contains("$numberLong");
    auto const number = millis == nullptr ? std::nullopt : integer_of(*millis);
    return number ? time_of(*number) : std::nullopt;
  }
  if (value.is_int64()) return time_of(value.get_int64());
  if (!value.is_string()) return std::nullopt;
  auto const time = parse_time(view(value));
  return time ? std::optional<Json>(Json(format_time(*time))) : std::nullopt;
}

std::optional<Json> read_text(Json const& value) {
  return value.is_string() ? std::optional<Json>(value) : std::nullopt;
}

std::optional<Json> read_binary(Json const& value) {
  if (value.is_string()) return value;
  auto const* object = value.if_object();
  auto const* bytes = object == nullptr ? nullptr : object->if_contains("base64");
  return bytes == nullptr ? std::nullopt : read_text(*bytes);
}

std::optional<Json> read_timestamp(Json const& value) {
  auto const* object = value.if_object();
  auto const* seconds = object == nullptr ? nullptr : object->if_contains("t");
  if (seconds == nullptr || !seconds->is_int64()) return std::nullopt;
  std::int64_t millis = 0;
  if (__builtin_mul_overflow(seconds->get_int64(), 1'000, &millis)) return std::nullopt;
  return time_of(millis);
}

Json slashed(std::string_view pattern, std::string_view flags) {
  return Json(fmt::format("/{}/{}", pattern, flags));
}

std::optional<Json> read_regular_expression(Json const& value) {
  auto const* object = value.if_object();
  if (object == nullptr) return read_text(value);
  auto const* pattern = object->if_contains("pattern");
  auto const* options = object->if_contains("options");
  if (pattern == nullptr || !pattern->is_string()) return std::nullopt;
  auto const flags =
      options != nullptr && options->is_string() ? view(*options) : std::string_view{};
  return slashed(view(*pattern), flags);
}

/// The legacy form: its options stand beside it.
std::optional<Json> read_regex(Json const& value) {
  return value.is_string() ? std::optional<Json>(slashed(view(value), {})) : std::nullopt;
}

std::optional<Json> read_nothing(Json const&) {
  return Json(nullptr);
}

using Reader = std::optional<Json> (*)(Json const&);

Reader reader_for(std::string_view key) {
  static std::unordered_map<std::string_view, Reader> const readers{
      {"$oid", read_text},
      {"$date", read_date},
      {"$numberInt", read_integer},
      {"$numberLong", read_integer},
      {"$numberDouble", read_double},
      {"$numberDecimal", read_text},
      {"$binary", read_binary},
      {"$uuid", read_text},
      {"$timestamp", read_timestamp},
      {"$regularExpression", read_regular_expression},
      {"$regex", read_regex},
      {"$symbol", read_text},
      {"$code", read_text},
      {"$undefined", read_nothing},
      {"$minKey", read_nothing},
      {"$maxKey", read_nothing}};
  auto const found = readers.find(key);
  return found == readers.end() ? nullptr : found->second;
}

/// The second member that a legacy form may have, in whatever order.
std::string_view companion_of(std::string_view key) {
  if (key == "$binary") return "$type";
  if (key == "$regex") return "$options";
  if (key == "$code") return "$scope";
  return {};
}

std::optional<Json> read_pair(JsonObject::value_type const& form,
                              JsonObject::value_type const& second) {
  std::string_view const key = form.key();
  auto const companion = companion_of(key);
  if (companion.empty() || std::string_view(second.key()) != companion) return std::nullopt;
  if (key == "$regex" && form.value().is_string() && second.value().is_string())
    return slashed(view(form.value()), view(second.value()));
  return reader_for(key)(form.value());
}

/// The value that an object of one of the forms stands for.
std::optional<Json> read_form(JsonObject const& object) {
  if (object.empty() || object.size() > 2) return std::nullopt;
  auto const& first = *object.begin();
  if (object.size() == 1) {
    auto const reader = reader_for(first.key());
    return reader == nullptr ? std::nullopt : reader(first.value());
  }
  auto const& second = *std::next(object.begin());
  auto plain = read_pair(first, second);
  return plain ? plain : read_pair(second, first);
}

}  // namespace

Json from_extended_json(Json value) {
  if (auto* object = value.if_object()) {
    if (auto plain = read_form(*object)) return std::move(*plain);
    for (auto& pair : *object) pair.value() = from_extended_json(std::move(pair.value()));
  } else if (auto* list = value.if_array()) {
    for (auto& each : *list) each = from_extended_json(std::move(each));
  }
  return value;
}

JsonObject document_from_export(JsonObject document) {
  for (auto& pair : document) pair.value() = from_extended_json(std::move(pair.value()));
  auto const* id = document.if_contains("_id");
  if (id == nullptr || document.contains("id") || !id->is_string() || !is_record_id(view(*id)))
    return document;
  auto const taken = *id;
  document.stable_erase("_id");
  document["id"] = taken;
  return document;
}

}  // namespace minga::records
