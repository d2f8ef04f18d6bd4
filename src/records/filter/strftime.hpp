#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace minga::records::filter {

/// A format of strftime as parts in conversions that every engine has: %F, %T and %R written out,
/// %u (1 Monday .. 7 Sunday) a part of its own. Nothing for a format with another conversion than
/// %Y %m %d %H %M %S %f %j %w %u %W %s %F %T %R %%.
struct FormatPart {
  std::string format;  // empty: the weekday of %u
  bool is_weekday = false;
};
std::vector<FormatPart> split_format(std::string_view format);

/// Whether the text is a modifier of strftime: +N or -N days, hours, minutes, seconds, months or
/// years (N with or without decimals, the sign and the plural optional), "start of day", "month" or
/// "year", "weekday 0" to "6", "unixepoch".
bool is_time_modifier(std::string_view text);

}  // namespace minga::records::filter
