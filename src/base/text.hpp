#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace minga {

bool is_valid_utf8(std::string_view text);
/// Code points of valid UTF-8.
std::size_t count_code_points(std::string_view text);
/// Simple Unicode case folding / lower case (one code point to one), for `~` and `:lower`; invalid
/// bytes stay.
std::string fold_case(std::string_view text);
std::string lower_case(std::string_view text);

/// Of texts of one length.
bool letters_equal_ignoring_case(std::string_view a, std::string_view b);
/// ASCII.
inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && letters_equal_ignoring_case(a, b);
}
std::string ascii_lower(std::string_view text);
std::string_view trim(std::string_view text);

/// What came from outside as a message may repeat it: U+FFFD stands for control characters and for
/// bytes that are not UTF-8, "..." for what follows `longest` code points.
std::string shown(std::string_view text, std::size_t longest = 100);

/// Percent-decoding; '+' stays unless `plus_is_space`. Nothing when an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
/// Everything but unreserved characters of RFC 3986 is escaped.
std::string percent_encode(std::string_view text);
/// & < > " ' as entities.
std::string escape_html(std::string_view text);

}  // namespace minga
