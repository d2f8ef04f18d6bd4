#pragma once

#include <minga/error.hpp>
#include <minga/json.hpp>

#include "web/catalog.hpp"

#include <string>
#include <string_view>

namespace minga::web {

/// What an Error says in the language of a catalog. Its tables: `headings.<status>`,
/// `explanations.<code or status>` (pages); `codes.<code>`, and `errors.<field>.<code>` where an
/// application has better words (fields); `sentences.<English>` (an error's message).
class ErrorTexts {
 public:
  explicit ErrorTexts(Catalog const& catalog) : catalog_(catalog) {}

  std::string heading(int status) const;
  std::string explanation(Error const& error) const;
  /// The English sentence where there is no other.
  std::string sentence(std::string_view english) const;
  /// Of a field's `{code, message, params?}`.
  std::string field_message(std::string_view field, JsonObject const& error) const;
  /// `fields.<field>`; the field's own name where there is none.
  std::string label(std::string_view field) const;
  /// The messages of Error::data(), in place; codes and parameters stay.
  void translate(JsonObject& data) const;

 private:
  Catalog const& catalog_;
};

}  // namespace minga::web
