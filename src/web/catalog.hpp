#pragma once

#include <minga/embedded.hpp>
#include <minga/json.hpp>
#include <minga/request.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace minga::web {

/// `es` or `en`.
std::string_view language_code(Language language);
inline constexpr Language kLanguages[] = {Language::es, Language::en};

/// One text of a language. With a plural it has two forms, chosen by the value of `count`.
struct Message {
  std::string one;  // "" where the text has one form only
  std::string other;
  bool has_plural() const { return !one.empty(); }
};

/// The texts of one language: TOML tables, whose nested keys are joined by dots. A table with
/// exactly `one` and `other` is a text with a plural.
class Catalog {
 public:
  /// Adds a file's messages, over those that are there. std::invalid_argument, naming `file`, when
  /// it is no TOML or holds something other than texts.
  void add(std::string_view file, std::string_view toml);

  /// Null when there is none.
  Message const* find(std::string_view key) const;
  /// `{name}` replaced by values; the key itself when there is no such message.
  std::string text(std::string_view key, JsonObject const& values) const;
  std::vector<std::string> keys() const;

 private:
  std::map<std::string, Message, std::less<>> messages_;
};

/// `{name}` replaced by what `values` has under that name, as text; left as it is where it has
/// none.
std::string fill(std::string_view message, JsonObject const& values);
/// A scalar as people read it; "" for null, compact JSON for lists and objects.
std::string plain_text(Json const& value);

/// A message with what `name` answers in place of each `{name}`. Braces around anything but a name
/// (letters, digits, `_`, `.`) are text.
std::string with_names(std::string_view message,
                       std::function<std::string(std::string_view)> const& name);
/// The names between braces, in order: `{count} of {total}` has two.
std::vector<std::string> placeholders(std::string_view message);

}  // namespace minga::web
