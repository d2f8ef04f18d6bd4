#include "base/json_text.hpp"

#include <boost/json/serializer.hpp>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>

namespace minga {
namespace {

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
/// Up to that long, to look whether a text stands in JSON as it is costs less than the serializer.
constexpr std::size_t kShortText = 128;

constexpr bool must_be_escaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

/// Not 0 when one of eight characters must be, looked at as bytes of a word: "Determine if a word
/// has a byte less than n" of Bit Twiddling Hacks, by Sean Eron Anderson.
std::uint64_t find_escaped(char const* eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x80 * kOnes;
  std::uint64_t word = 0;
  std::memcpy(&word, eight, sizeof word);
  auto const controls = word - 0x20 * kOnes;
  auto const quotes = (word ^ (kOnes * '"')) - kOnes;
  auto const backslashes = (word ^ (kOnes * '\\')) - kOnes;
  return (controls | quotes | backslashes) & ~word & kHighBits;
}

bool needs_escape(std::string_view text) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (text.size() < kWord) {
    bool needs = false;
    for (char const c : text) needs |= must_be_escaped(c);
    return needs;
  }
  auto const last = text.size() - kWord;
  auto found = find_escaped(text.data() + last);
  for (std::size_t i = 0; i < last; i += kWord) found |= find_escaped(text.data() + i);
  return found != 0;
}

[[gnu::noinline]] void append_escaped(std::string& out, std::string_view text) {
  static thread_local boost::json::serializer serializer;  // keeps its memory
  serializer.reset(boost::json::string_view(text));
  std::array<char, 256> buffer;
  while (!serializer.done()) out.append(serializer.read(buffer.data(), buffer.size()));
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  if (text.size() > kShortText || needs_escape(text)) return append_escaped(out, text);
  out += '"';
  out += text;
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
