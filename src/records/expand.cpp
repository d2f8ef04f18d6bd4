// Expanding relations: where records refer to others, one statement reads all of a collection that
// they refer to; what refers to them is read for each, as each has a bound of its own.
#include "base/text.hpp"
#include "records/indexes.hpp"
#include "records/store_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>

namespace minga::records {
namespace {

constexpr std::size_t kHops = 6;
constexpr std::size_t kBackRelations = 1'000;
/// Ids in one statement.
constexpr std::size_t kChunk = 256;

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
    std::vector<Step> steps;
    for (auto const& [name, below] : wish.children) {
      auto const hop = find_hop(*catalog_, layout, name, context_.bypasses_rules);
      if (hop.target != nullptr && (hop.target->definition().view_rule || context_.bypasses_rules))
        steps.push_back({name, hop, &below});
    }
    auto read = co_await fetch_all(records, steps);
    for (auto const& step : steps) {
      if (step.hop.backwards) {
        for (auto* record : records)
          co_await expand_backwards(*record, step.name, step.hop, *step.below);
      } else {
        co_await expand_forwards(records, step, read.at(step.hop.target));
      }
    }
  }

 private:
  using ById = std::map<std::string, JsonObject>;

  struct Step {
    std::string name;
    Hop hop;
    Wish const* below;
  };
  /// What the steps of one level read of a collection.
  struct Read {
    std::set<std::string> ids;
    ById records;
    std::size_t steps = 0;
  };
  using Reads = std::map<Layout const*, Read>;

  Async<Reads> fetch_all(std::vector<JsonObject*> const& records, std::vector<Step> const& steps) {
    Reads reads;
    for (auto const& step : steps) {
      if (step.hop.backwards) continue;
      auto& read = reads[step.hop.target];
      ++read.steps;
      for (auto const* record : records) {
        for (auto& id : texts_of(record->at(step.name))) read.ids.insert(std::move(id));
      }
    }
    for (auto& each : reads) each.second.records = co_await fetch(*each.first, each.second.ids);
    co_return reads;
  }

  /// The records that a step leads to: its own, as what is below differs from step to step.
  static ById take(Read& read, std::vector<JsonObject*> const& records, std::string const& name) {
    if (read.steps == 1) return std::move(read.records);
    ById own;
    for (auto const* record : records) {
      for (auto const& id : texts_of(record->at(name))) {
        if (auto const found = read.records.find(id); found != read.records.end())
          own.insert(*found);
      }
    }
    return own;
  }

  Async<void> expand_forwards(std::vector<JsonObject*> const& records, Step const& step,
                              Read& read) {
    auto const& [name, hop, below] = step;
    auto found = take(read, records, name);
    std::vector<JsonObject*> next;
    for (auto& [id, record] : found) next.push_back(&record);
    if (!below->children.empty()) co_await expand(*hop.target, std::move(next), *below);
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
    for (auto next = ids.begin(); next != ids.end();) {
      sql::Params values;
      for (; next != ids.end() && values.size() < kChunk; ++next) values.emplace_back(*next);
      // Filled up with the last one to a power of two: statements are kept prepared by their texts.
      auto last = values.back();
      values.resize(std::bit_ceil(values.size()), last);
      auto text = select_by_ids(target, values.size());
      sql::Statement statement(std::move(text), std::move(values), context_.deadline);
      auto rows = co_await store_.read(context_, target.definition(), std::move(statement));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        auto record = target.record(rows, i);
        auto id = texts_of(record.at("id")).front();
        found.emplace(std::move(id), std::move(record));
      }
    }
    co_return found;
  }

  static std::string select_by_ids(Layout const& target, std::size_t count) {
    if (count == 1) return target.select_by_id();
    std::string places = "$1";
    for (std::size_t i = 2; i <= count; ++i) places += fmt::format(", ${}", i);
    return fmt::format("SELECT {0} FROM {1} WHERE {1}.\"id\" IN ({2})", target.columns(),
                       target.table(), places);
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
    auto rows = co_await store_.read(context_, hop.target->definition(), std::move(statement));
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
