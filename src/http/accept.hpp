#pragma once

#include <minga/request.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::http {

/// One entry of Accept, Accept-Language or Accept-Encoding (RFC 9110 section 12.4).
struct Preference {
  std::string value;  // lower case, without parameters
  double quality = 1;
};

/// The entries by falling quality, in the header's order among equals; those of quality 0 are last.
std::vector<Preference> parse_preferences(std::string_view header);

Format choose_format(std::string_view accept);
/// Nothing when neither language is named.
std::optional<Language> choose_language(std::string_view accept_language);

enum class Encoding { identity, gzip, brotli };
/// Brotli before gzip where the client takes both alike.
Encoding choose_encoding(std::string_view accept_encoding);

}  // namespace minga::http
