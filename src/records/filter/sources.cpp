#include "records/filter/sources.hpp"

#include "records/filter/errors.hpp"
#include "records/indexes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::records::filter {
namespace {

constexpr std::size_t kHops = 6;
/// SQLite joins 64 tables at most.
constexpr std::size_t kMost = 50;

/// Replaces {0} and {1} without a format string made at run time.
std::string fill(std::string text, std::string const& own, std::string const& parent) {
  for (auto const& [mark, value] :
       {std::pair<std::string, std::string>{"{0}", own}, {"{1}", parent}}) {
    for (auto at = text.find(mark); at != std::string::npos;
         at = text.find(mark, at + value.size())) {
      text.replace(at, mark.size(), value);
    }
  }
  return text;
}

}  // namespace

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    auto const end = std::min(path.find('.'), path.size());
    names.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return names;
}

std::string Sources::alias(std::string const& source, std::string const& suffix) const {
  return fmt::format("\"r:{}{}\"", sources_.at(source).order, suffix);
}

std::string Sources::parent_alias(std::string const& parent, std::string const& suffix) const {
  return parent.empty() ? dialect_.quote(scope_.collection->name) : alias(parent, suffix);
}

void Sources::add(std::string const& name, Source source, std::size_t position) {
  if (sources_.size() >= kMost)
    throw invalid_filter(fmt::format("The filter goes along more than {} different paths.", kMost),
                         position);
  source.order = static_cast<int>(sources_.size());
  sources_.emplace(name, std::move(source));
}

bool Sources::is_multiple(std::string const& name) const {
  for (auto at = name; !at.empty(); at = sources_.at(at).parent) {
    if (sources_.at(at).multiple) return true;
  }
  return false;
}

Sources::Source Sources::hop_forward(Definition const& target, Field const& field) const {
  Source source;
  auto const table = dialect_.quote(target.name);
  auto const column = dialect_.quote(field.name);
  source.multiple = field.is_list();
  source.join = field.is_list() ? fmt::format(" LEFT JOIN {} AS {{0}} ON {}", table,
                                              dialect_.list_contains("{1}." + column, "{0}.\"id\""))
                                : fmt::format(" LEFT JOIN {} AS {{0}} ON {{0}}.\"id\" = {{1}}.{}",
                                              table, column);
  return source;
}

Sources::Source Sources::hop_backward(Definition const& target, Field const& field) const {
  Source source;
  auto const table = dialect_.quote(target.name);
  auto const column = dialect_.quote(field.name);
  source.multiple = !is_unique_by_itself(target, field);
  source.join = field.is_list() ? fmt::format(" LEFT JOIN {} AS {{0}} ON {}", table,
                                              dialect_.list_contains("{0}." + column, "{1}.\"id\""))
                                : fmt::format(" LEFT JOIN {} AS {{0}} ON {{0}}.{} = {{1}}.\"id\"",
                                              table, column);
  return source;
}

void Sources::require_visible(Definition const& target, std::size_t position) const {
  if (scope_.privileged || target.list_rule) return;
  throw invalid_filter(fmt::format("The records of {} may not be listed.", target.name), position);
}

Sources::Place Sources::find(std::vector<std::string> const& names, std::size_t position,
                             std::string const& suffix) {
  Place place;
  place.collection = scope_.collection;
  std::size_t next = 0;
  std::string path;
  for (std::size_t hops = 0; next + 1 < names.size(); ++next) {
    auto const& name = names[next];
    auto const* field = place.collection->find(name);
    auto const via = field == nullptr ? name.find("_via_") : std::string::npos;
    Definition const* target = nullptr;
    Source source;
    if (field != nullptr && field->type == FieldType::relation) {
      target = scope_.schema == nullptr ? nullptr : scope_.schema->find(field->collection);
      if (target != nullptr) source = hop_forward(*target, *field);
    } else if (via != std::string::npos && scope_.schema != nullptr) {
      target = scope_.schema->find(name.substr(0, via));
      auto const* back = target == nullptr ? nullptr : target->find(name.substr(via + 5));
      if (back == nullptr || back->type != FieldType::relation ||
          back->collection != place.collection->id || (back->is_hidden && !scope_.privileged)) {
        throw invalid_filter(fmt::format("There is no relation {}.", name), position);
      }
      source = hop_backward(*target, *back);
    }
    if (target == nullptr) break;
    if (field != nullptr && field->is_hidden && !scope_.privileged) break;
    // rel.id is rel itself: no row of the other collection is needed.
    if (field != nullptr && !field->is_list() && next + 2 == names.size() &&
        names[next + 1] == "id") {
      place.rest = {name};
      place.source = path;
      place.alias = parent_alias(path, suffix);
      return place;
    }
    if (++hops > kHops)
      throw invalid_filter(fmt::format("A path goes through more than {} relations.", kHops),
                           position);
    require_visible(*target, position);
    source.parent = path;
    path += (path.empty() ? "" : ".") + name;
    if (!sources_.contains(path)) add(path, std::move(source), position);
    place.collection = target;
  }
  place.source = path;
  place.alias = parent_alias(path, suffix);
  place.rest.assign(names.begin() + static_cast<std::ptrdiff_t>(next), names.end());
  return place;
}

std::string Sources::each(Place const& place, Field const& field, std::size_t position) {
  auto const name = place.source + (place.source.empty() ? "" : ".") + field.name + ":each";
  if (!sources_.contains(name)) {
    Source source;
    source.parent = place.source;
    source.multiple = true;
    source.join = fmt::format(" LEFT JOIN {} ON TRUE",
                              dialect_.list_rows("{1}." + dialect_.quote(field.name), "{0}"));
    add(name, std::move(source), position);
  }
  return name;
}

std::string Sources::joins(std::set<std::string> const& names, std::string const& suffix) const {
  std::map<int, std::string> needed;  // by order: a parent was added before its children
  for (auto const& name : names) {
    for (auto at = name; !at.empty(); at = sources_.at(at).parent)
      needed[sources_.at(at).order] = at;
  }
  std::string text;
  for (auto const& [order, name] : needed) {
    auto const& source = sources_.at(name);
    text += fill(source.join, alias(name, suffix), parent_alias(source.parent, suffix));
  }
  return text;
}

}  // namespace minga::records::filter
