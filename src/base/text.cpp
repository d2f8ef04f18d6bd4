#include "base/text.hpp"

#include <fmt/format.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>

namespace minga {
namespace {

/// Applies a one-to-one mapping of code points; bytes that are no UTF-8 stay as they are.
template <class Map>
std::string map_code_points(std::string_view text, Map map) {
  std::string out;
  out.reserve(text.size());
  auto const* bytes = reinterpret_cast<std::uint8_t const*>(text.data());
  auto const length = static_cast<std::int64_t>(text.size());
  for (std::int64_t i = 0; i < length;) {
    auto const begin = i;
    UChar32 code = 0;
    U8_NEXT(bytes, i, length, code);
    if (code < 0) {
      out.append(text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(i - begin)));
      continue;
    }
    UChar32 const mapped = map(code);
    std::uint8_t buffer[4];
    std::int32_t size = 0;
    U8_APPEND_UNSAFE(buffer, size, mapped);
    out.append(reinterpret_cast<char const*>(buffer), static_cast<std::size_t>(size));
  }
  return out;
}

char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  auto const* bytes = reinterpret_cast<std::uint8_t const*>(text.data());
  auto const length = static_cast<std::int64_t>(text.size());
  for (std::int64_t i = 0; i < length;) {
    UChar32 code = 0;
    U8_NEXT(bytes, i, length, code);
    if (code < 0) return false;
  }
  return true;
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string fold_case(std::string_view text) {
  return map_code_points(text, [](UChar32 code) { return u_foldCase(code, U_FOLD_CASE_DEFAULT); });
}

std::string lower_case(std::string_view text) {
  return map_code_points(text, [](UChar32 code) { return u_tolower(code); });
}

bool letters_equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return x == y || ascii_lower(x) == ascii_lower(y); });
}

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return ascii_lower(c); });
  return out;
}

std::string_view trim(std::string_view text) {
  auto const is_blank = [](char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
  };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string shown(std::string_view text, std::size_t longest) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out;
  auto const* bytes = reinterpret_cast<std::uint8_t const*>(text.data());
  auto const length = static_cast<std::int64_t>(text.size());
  std::int64_t i = 0;
  for (std::size_t count = 0; i < length && count < longest; ++count) {
    auto const begin = i;
    UChar32 code = 0;
    U8_NEXT(bytes, i, length, code);
    auto const is_plain = code >= 0 && u_charType(code) != U_CONTROL_CHAR;
    out += is_plain
               ? text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(i - begin))
               : kReplacement;
  }
  if (i < length) out += "...";
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  auto const is_plain = text.find('%') == std::string_view::npos &&
                        (!plus_is_space || text.find('+') == std::string_view::npos);
  if (is_plain) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      auto const high = hex_digit(text[i + 1]);
      auto const low = hex_digit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      out.push_back(static_cast<char>(*high * 16 + *low));
      i += 2;
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char const c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char const c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace minga
