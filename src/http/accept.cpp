#include "http/accept.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <charconv>

namespace minga::http {
namespace {

double quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    auto const end = std::min(parameters.find(';'), parameters.size());
    auto const parameter = trim(parameters.substr(0, end));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (parameter.size() < 3 || (parameter[0] != 'q' && parameter[0] != 'Q') || parameter[1] != '=')
      continue;
    double quality = 0;
    auto const text = parameter.substr(2);
    // Not "nan" nor "inf", which from_chars would take.
    if (text.front() < '0' || text.front() > '9') return 0;
    auto const [rest, error] = std::from_chars(text.data(), text.data() + text.size(), quality);
    if (error != std::errc{} || rest != text.data() + text.size()) return 0;
    return std::clamp(quality, 0.0, 1.0);
  }
  return 1;
}

double quality_for(std::vector<Preference> const& preferences, std::string_view value) {
  for (auto const& preference : preferences) {
    if (preference.value == value) return preference.quality;
  }
  return -1;
}

}  // namespace

std::vector<Preference> parse_preferences(std::string_view header) {
  std::vector<Preference> preferences;
  while (!header.empty() && preferences.size() < 64) {
    auto const end = std::min(header.find(','), header.size());
    auto const entry = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    auto const semicolon = std::min(entry.find(';'), entry.size());
    auto const value = trim(entry.substr(0, semicolon));
    if (value.empty()) continue;
    preferences.push_back({ascii_lower(value), quality_of(entry.substr(semicolon))});
  }
  std::stable_sort(preferences.begin(), preferences.end(),
                   [](Preference const& a, Preference const& b) { return a.quality > b.quality; });
  return preferences;
}

Format choose_format(std::string_view accept) {
  if (accept.empty() || accept == "*/*" || accept == "application/json") return Format::json;
  for (auto const& preference : parse_preferences(accept)) {
    if (preference.quality == 0) break;
    if (preference.value == "text/html" || preference.value == "application/xhtml+xml")
      return Format::html;
    if (preference.value == "text/plain") return Format::text;
    if (preference.value == "application/json" || preference.value == "application/*" ||
        preference.value == "*/*") {
      return Format::json;
    }
    if (preference.value == "text/*") return Format::html;
  }
  return Format::json;
}

std::optional<Language> choose_language(std::string_view accept_language) {
  for (auto const& preference : parse_preferences(accept_language)) {
    if (preference.quality == 0) break;
    auto const primary = std::string_view(preference.value).substr(0, preference.value.find('-'));
    if (primary == "es") return Language::es;
    if (primary == "en") return Language::en;
  }
  return std::nullopt;
}

Encoding choose_encoding(std::string_view accept_encoding) {
  if (accept_encoding.empty()) return Encoding::identity;
  auto const preferences = parse_preferences(accept_encoding);
  auto const any = std::max(quality_for(preferences, "*"), 0.0);
  auto const brotli = quality_for(preferences, "br");
  auto const gzip = quality_for(preferences, "gzip");
  auto const brotli_quality = brotli < 0 ? any : brotli;
  auto const gzip_quality = gzip < 0 ? any : gzip;
  // One that is not named is acceptable, but what is named was asked for (RFC 9110 section 12.5.3).
  auto const best = std::max(brotli_quality, gzip_quality);
  if (best <= 0 || quality_for(preferences, "identity") > best) return Encoding::identity;
  return brotli_quality >= gzip_quality ? Encoding::brotli : Encoding::gzip;
}

}  // namespace minga::http
