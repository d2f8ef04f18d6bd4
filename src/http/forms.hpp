#pragma once

#include <minga/json.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minga::http {

/// name=value&... , percent-decoded, `+` a blank. A pair that cannot be decoded, is not UTF-8 or
/// holds U+0000 throws minga::Error 400.
std::vector<std::pair<std::string, std::string>> parse_urlencoded(std::string_view text);

/// Parsed with integers exact to 64 bits, duplicate keys: the last. Throws minga::Error 400 when it
/// is malformed, nested deeper than `max_depth`, holds U+0000, or is not UTF-8.
Json parse_json(std::string_view text, std::size_t max_depth);

/// The fields of a form as JSON (API.md section 1): `true` and `false` become booleans, a decimal
/// number in its shortest spelling a number, a repeated key a list; every `@jsonPayload` holds a
/// JSON object whose keys are merged in, in order, over the plain ones.
class FormFields {
 public:
  explicit FormFields(std::size_t max_depth) : max_depth_(max_depth) {}
  /// Throws minga::Error 400 for U+0000, invalid UTF-8 or a malformed payload.
  void add(std::string_view name, std::string_view value);
  JsonObject take();

 private:
  std::size_t max_depth_;
  JsonObject plain_;
  JsonObject payload_;
};

}  // namespace minga::http
