#include "base/json_text.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>
#include <utility>

namespace minga {
namespace {

/// What a string holds only escaped (RFC 8259 section 7).
constexpr auto kIsEscaped = [] {
  std::array<bool, 256> is{};
  for (unsigned char c = 0; c < 0x20; ++c) is[c] = true;
  is['"'] = is['\\'] = true;
  return is;
}();

void append_escaped(std::string& out, char character) {
  constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
  constexpr std::string_view kNames = "\"\\bfnrt";
  auto const named = kNamed.find(character);
  if (named == std::string_view::npos) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(character));
  } else {
    out += '\\';
    out += kNames[named];
  }
}

void append_real(std::string& out, double number) {
  // "-0" would read back as the integer 0.
  auto const is_negative_zero = number == 0 && std::signbit(number);
  fmt::format_to(std::back_inserter(out), "{}{}", number, is_negative_zero ? ".0" : "");
}

template <class Integer>
void append_integer(std::string& out, Integer number) {
  fmt::format_int const digits(number);
  out.append(digits.data(), digits.size());
}

void append(std::string& out, boost::json::string_view text) {
  append_json_string(out, {text.data(), text.size()});
}

void append(std::string& out, JsonObject const& object) {
  out += '{';
  bool first = true;
  for (auto const& pair : object) {
    if (!std::exchange(first, false)) out += ',';
    append(out, pair.key());
    out += ':';
    append_json(out, pair.value());
  }
  out += '}';
}

void append(std::string& out, JsonArray const& array) {
  out += '[';
  bool first = true;
  for (auto const& value : array) {
    if (!std::exchange(first, false)) out += ',';
    append_json(out, value);
  }
  out += ']';
}

/// Of most records; a longer text costs some copies more.
constexpr std::size_t kUsualSize = 512;

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  auto const* plain = text.data();  // what is not appended yet
  auto const* const end = plain + text.size();
  for (auto const* at = plain; at != end; ++at) {
    if (!kIsEscaped[static_cast<unsigned char>(*at)]) continue;
    out.append(plain, at);
    append_escaped(out, *at);
    plain = at + 1;
  }
  out.append(plain, end);
  out += '"';
}

void append_json(std::string& out, Json const& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "null";
      break;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case boost::json::kind::int64:
      append_integer(out, value.get_int64());
      break;
    case boost::json::kind::uint64:
      append_integer(out, value.get_uint64());
      break;
    case boost::json::kind::double_:
      append_real(out, value.get_double());
      break;
    case boost::json::kind::string:
      append(out, value.get_string());
      break;
    case boost::json::kind::array:
      append(out, value.get_array());
      break;
    case boost::json::kind::object:
      append(out, value.get_object());
      break;
  }
}

std::string json_text(Json const& value) {
  std::string out;
  append_json(out, value);
  return out;
}

std::string json_text(JsonObject const& value) {
  std::string out;
  out.reserve(kUsualSize);
  append(out, value);
  return out;
}

}  // namespace minga
