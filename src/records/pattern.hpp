#pragma once

#include <string>
#include <string_view>

namespace minga::records {

/// Whether the regular expression (RE2's syntax, unanchored) occurs in the text. Takes time linear
/// in the text, whatever the expression; compiled once per thread. An expression that is none
/// matches nothing.
bool matches_pattern(std::string const& pattern, std::string_view text);

}  // namespace minga::records
