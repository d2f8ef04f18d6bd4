// Expanding relations: for each path one query for all records of a hop.
#include "base/text.hpp"
#include "records/indexes.hpp"
#include "records/store_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace minga::records {
namespace {

constexpr std::size_t kHops = 6;
constexpr std::size_t kBackRelations = 1'000;

/// The tree of what is asked for: "author,comments_via_post.author".
struct Wish {
  std::map<std::string, Wish> children;
};

Wish parse_wishes(std::string_view expand) {
  Wish root;
  while (!expand.empty()) {
    auto const end = std::min(expand.find(','), expand.size());
    auto path = trim(expand.substr(0, end));
    expand.remove_prefix(std::min(end + 1, expand.size()));
    auto* wish = &root;
    for (std::size_t hop = 0; hop < kHops && !path.empty(); ++hop) {
      auto const dot = std::min(path.find('.'), path.size());
      wish = &wish->children[std::string(path.substr(0, dot))];
      path.remove_prefix(std::min(dot + 1, path.size()));
    }
  }
  return root;
}

/// What a name of a path leads to: a relation of this collection, or one that points to it.
struct Hop {
  Layout const* target = nullptr;
  Field const* field = nullptr;
  bool backwards = false;
};

Hop find_hop(Catalog const& catalog, Layout const& from, std::string_view name, bool sees_hidden) {
  if (auto const* field = from.definition().find(name)) {
    if (field->type != FieldType::relation || (field->is_hidden && !sees_hidden)) return {};
    return {catalog.find(field->collection), field, false};
  }
  auto const via = name.find("_via_");
  if (via == std::string_view::npos) return {};
  auto const* target = catalog.find(name.substr(0, via));
  if (target == nullptr) return {};
  auto const* field = target->definition().find(name.substr(via + 5));
  if (field == nullptr || field->type != FieldType::relation ||
      field->collection != from.definition().id || (field->is_hidden && !sees_hidden))
    return {};
  return {target, field, true};
}

std::vector<std::string> texts_of(Json const& value) {
  std::vector<std::string> texts;
  auto const add = [&](Json const& each) {
    if (each.is_string() && !each.get_string().empty())
      texts.emplace_back(each.get_string().data(), each.get_string().size());
  };
  if (auto const* list = value.if_array()) {
    for (auto const& each : *list) add(each);
  } else {
    add(value);
  }
  return texts;
}

class Expansion {
 public:
  Expansion(Store::Impl& store, std::shared_ptr<Catalog const> catalog, Context& context)
      : store_(store), catalog_(std::move(catalog)), context_(context) {}

  Async<void> expand(Layout const& layout, std::vector<JsonObject*> records, Wish const& wish) {
    for (auto const& [name, below] : wish.children) {
      auto const hop = find_hop(*catalog_, layout, name, context_.bypasses_rules);
      if (hop.target == nullptr ||
          (!hop.target->definition().view_rule && !context_.bypasses_rules))
        continue;
      if (hop.backwards) {
        for (auto* record : records) co_await expand_backwards(*record, name, hop, below);
      } else {
        co_await expand_forwards(records, name, hop, below);
      }
    }
  }

 private:
  using ById = std::map<std::string, JsonObject>;

  Async<void> expand_forwards(std::vector<JsonObject*> const& records, std::string const& name,
                              Hop const& hop, Wish const& below) {
    std::set<std::string> ids;
    for (auto const* record : records) {
      for (auto& id : texts_of(record->at(name))) ids.insert(std::move(id));
    }
    auto found = co_await fetch(*hop.target, ids);
    std::vector<JsonObject*> next;
    for (auto& [id, record] : found) next.push_back(&record);
    if (!below.children.empty()) co_await expand(*hop.target, std::move(next), below);
    for (auto& [id, record] : found) hide(hop, record);
    for (auto* record : records)
      attach(*record, name, hop.field->is_list(), texts_of(record->at(name)), found);
  }

  void hide(Hop const& hop, JsonObject& record) const {
    if (!context_.bypasses_rules) hide_fields(hop.target->definition(), record);
  }

  static void attach(JsonObject& record, std::string const& name, bool list,
                     std::vector<std::string> const& ids, ById const& found) {
    JsonArray values;
    for (auto const& id : ids) {
      if (auto const each = found.find(id); each != found.end()) values.push_back(each->second);
    }
    if (values.empty()) return;
    auto& expanded = record["expand"];
    if (!expanded.is_object()) expanded = JsonObject{};
    expanded.get_object()[name] = list ? Json(std::move(values)) : values.front();
  }

  Async<ById> fetch(Layout const& target, std::set<std::string> const& ids) {
    ById found;
    for (auto const& id : ids) {
      sql::Params values{id};
      sql::Statement statement(target.select_by_id(), std::move(values), context_.deadline);
      auto rows = co_await store_.read(std::move(statement));
      if (!rows.empty()) found.emplace(id, target.record(rows, 0));
    }
    co_return found;
  }

  Async<void> expand_backwards(JsonObject& record, std::string const& name, Hop const& hop,
                               Wish const& below) {
    auto const& dialect = store_.database.dialect();
    auto const column = fmt::format("{}.{}", hop.target->table(), dialect.quote(hop.field->name));
    auto const condition =
        hop.field->is_list() ? dialect.list_contains(column, "$1") : fmt::format("{} = $1", column);
    auto sql = fmt::format("SELECT {0} FROM {1} WHERE {2} ORDER BY {1}.\"id\" LIMIT {3}",
                           hop.target->columns(), hop.target->table(), condition, kBackRelations);
    sql::Params values{texts_of(record.at("id")).front()};
    sql::Statement statement(std::move(sql), std::move(values), context_.deadline);
    auto rows = co_await store_.read(std::move(statement));
    std::vector<JsonObject> found;
    for (std::size_t i = 0; i < rows.size(); ++i) found.push_back(hop.target->record(rows, i));
    if (found.empty()) co_return;
    std::vector<JsonObject*> next;
    for (auto& each : found) next.push_back(&each);
    if (!below.children.empty()) co_await expand(*hop.target, std::move(next), below);
    JsonArray list;
    for (auto& each : found) {
      hide(hop, each);
      list.push_back(std::move(each));
    }
    auto& expanded = record["expand"];
    if (!expanded.is_object()) expanded = JsonObject{};
    auto const single = is_unique_by_itself(hop.target->definition(), *hop.field);
    expanded.get_object()[name] = single ? list.front() : Json(std::move(list));
  }

  Store::Impl& store_;
  std::shared_ptr<Catalog const> catalog_;
  Context& context_;
};

}  // namespace

Async<void> Store::expand_all(Context& context, std::string_view collection, JsonArray& records,
                              std::string_view expand) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  std::vector<JsonObject*> objects;
  for (auto& record : records) objects.push_back(&record.as_object());
  auto const wishes = parse_wishes(expand);
  Expansion expansion(*impl_, catalog, context);
  co_await expansion.expand(layout, std::move(objects), wishes);
}

Async<JsonObject> Store::expand_record(Context& context, std::string_view collection,
                                       JsonObject record, std::string_view expand) {
  JsonArray records;
  records.push_back(std::move(record));
  co_await expand_all(context, collection, records, expand);
  co_return std::move(records.front().get_object());
}

}  // namespace minga::records
