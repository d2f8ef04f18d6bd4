#include "records/filter/strftime.hpp"

#include "records/pattern.hpp"

namespace minga::records::filter {

std::vector<FormatPart> split_format(std::string_view format) {
  std::vector<FormatPart> parts;
  auto const text = [&]() -> std::string& {
    if (parts.empty() || parts.back().is_weekday) parts.emplace_back();
    return parts.back().format;
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text() += format[i];
      continue;
    }
    if (++i >= format.size()) return {};
    switch (format[i]) {
      case 'F':
        text() += "%Y-%m-%d";
        break;
      case 'T':
        text() += "%H:%M:%S";
        break;
      case 'R':
        text() += "%H:%M";
        break;
      case 'u':
        parts.push_back({{}, true});
        break;
      default:
        if (std::string_view("YmdHMSfjwWs%").find(format[i]) == std::string_view::npos) return {};
        text() += {'%', format[i]};
    }
  }
  if (parts.empty()) parts.emplace_back();
  return parts;
}

bool is_time_modifier(std::string_view text) {
  static std::string const pattern =
      R"(^([+-]?[0-9]{1,12}(\.[0-9]{1,12})? (day|hour|minute|second|month|year)s?)"
      R"(|start of (day|month|year)|weekday [0-6]|unixepoch)$)";
  return matches_pattern(pattern, text);
}

}  // namespace minga::records::filter
