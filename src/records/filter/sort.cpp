#include "base/text.hpp"
#include "records/filter/errors.hpp"
#include "records/filter/filter.hpp"
#include "records/filter/sources.hpp"

#include <fmt/format.h>

namespace minga::records::filter {
namespace {

constexpr std::size_t kKeys = 8;
constexpr std::size_t kKeyBytes = 255;
constexpr std::size_t kHops = 6;

bool is_path(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.';
         });
}

class SortCompiler {
 public:
  SortCompiler(Scope const& scope, sql::Dialect const& dialect)
      : scope_(scope), dialect_(dialect) {}

  SortKey key(std::string_view text) {
    if (text == "@random") return {std::string(dialect_.random())};
    auto const names = text == "@rowid" ? std::vector<std::string>{"id"} : split_path(text);
    if (text != "@rowid" && !is_path(text))
      throw invalid_sort(fmt::format("'{}' is no sort key.", text));
    return path(*scope_.collection, dialect_.quote(scope_.collection->name), names, 0, text);
  }

 private:
  SortKey path(Definition const& collection, std::string const& alias,
               std::vector<std::string> const& names, std::size_t at, std::string_view whole) {
    auto const* field = collection.find(names[at]);
    if (field == nullptr && collection.open) {
      auto const column = alias + ".\"_open\"";
      return json_key(column, {names.begin() + static_cast<std::ptrdiff_t>(at), names.end()});
    }
    if (field == nullptr || (field->is_hidden && !scope_.privileged))
      throw invalid_sort(fmt::format("There is no field '{}'.", whole));
    auto column = fmt::format("{}.{}", alias, dialect_.quote(field->name));
    if (field->type == FieldType::json) {
      return json_key(column, {names.begin() + static_cast<std::ptrdiff_t>(at) + 1, names.end()});
    }
    if (at + 1 == names.size()) {
      if (field->type == FieldType::boolean) column = dialect_.truth_number(column);
      return {column, false, field->is_nullable};
    }
    auto const* target =
        field->type == FieldType::relation && !field->is_list() && scope_.schema != nullptr
            ? scope_.schema->find(field->collection)
            : nullptr;
    if (target == nullptr || at >= kHops)
      throw invalid_sort(fmt::format("'{}' is no path through single relations.", whole));
    if (!scope_.privileged && !target->list_rule)
      throw invalid_sort(fmt::format("The records of {} may not be listed.", target->name));
    auto const next = fmt::format("\"s{}\"", at);
    return {fmt::format("(SELECT {} FROM {} AS {} WHERE {}.\"id\" = {})",
                        path(*target, next, names, at + 1, whole).sql, dialect_.quote(target->name),
                        next, next, column),
            false, true};
  }

  SortKey json_key(std::string const& column, std::vector<std::string> const& names) const {
    return {dialect_.json_sort_key(column, names), false, true};
  }

  Scope const& scope_;
  sql::Dialect const& dialect_;
};

}  // namespace

std::vector<SortKey> compile_sort(std::string_view sort, Scope const& scope,
                                  sql::Dialect const& dialect) {
  SortCompiler compiler(scope, dialect);
  std::vector<SortKey> keys;
  bool has_id = false;
  while (!sort.empty()) {
    auto const end = std::min(sort.find(','), sort.size());
    auto text = trim(sort.substr(0, end));
    sort.remove_prefix(std::min(end + 1, sort.size()));
    if (text.size() > kKeyBytes)
      throw invalid_sort(fmt::format("A sort key is longer than {} bytes.", kKeyBytes));
    auto const descending = text.starts_with('-');
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (text.empty()) throw invalid_sort("A sort key is empty.");
    auto key = compiler.key(text);
    key.descending = descending;
    has_id = has_id || text == "id" || text == "@rowid";
    keys.push_back(std::move(key));
    if (keys.size() > kKeys)
      throw invalid_sort(fmt::format("There are more than {} sort keys.", kKeys));
  }
  if (!has_id)
    keys.push_back({fmt::format("{}.\"id\"", dialect.quote(scope.collection->name)), false});
  return keys;
}

}  // namespace minga::records::filter
