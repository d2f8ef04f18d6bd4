#include "http/prefer.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace minga::http {

std::string preferred(std::string_view prefer, std::string_view name) {
  while (!prefer.empty()) {
    auto const end = std::min(prefer.find_first_of(",;"), prefer.size());
    auto const entry = trim(prefer.substr(0, end));
    prefer.remove_prefix(std::min(end + 1, prefer.size()));
    auto const equals = std::min(entry.find('='), entry.size());
    if (!equals_ignoring_case(trim(entry.substr(0, equals)), name)) continue;
    auto value = trim(entry.substr(std::min(equals + 1, entry.size())));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return ascii_lower(value);
  }
  return {};
}

}  // namespace minga::http
