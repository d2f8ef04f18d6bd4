#include "records/pattern.hpp"

#include "base/ids.hpp"
#include "records/definition.hpp"

#include <re2/re2.h>

#include <memory>
#include <unordered_map>

namespace minga::records {

bool matches_pattern(std::string const& pattern, std::string_view text) {
  // What nearly every id is looked at for needs no regular expression.
  if (pattern == kIdPattern) return !text.empty() && is_base36(text);
  static thread_local std::unordered_map<std::string, std::unique_ptr<RE2>> compiled;
  auto& expression = compiled[pattern];
  if (!expression) expression = std::make_unique<RE2>(pattern, RE2::Quiet);
  return expression->ok() &&
         RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression);
}

}  // namespace minga::records
