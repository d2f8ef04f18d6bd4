#include "records/pattern.hpp"

#include "records/definition.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <unordered_map>

namespace minga::records {
namespace {

/// What nearly every id is looked at for needs no regular expression.
bool matches_id_pattern(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

}  // namespace

bool matches_pattern(std::string const& pattern, std::string_view text) {
  if (pattern == kIdPattern) return matches_id_pattern(text);
  static thread_local std::unordered_map<std::string, std::unique_ptr<RE2>> compiled;
  auto& expression = compiled[pattern];
  if (!expression) expression = std::make_unique<RE2>(pattern, RE2::Quiet);
  return expression->ok() &&
         RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression);
}

}  // namespace minga::records
