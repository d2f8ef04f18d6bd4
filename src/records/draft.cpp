#include "records/draft.hpp"

#include "base/ids.hpp"
#include "base/json_text.hpp"
#include "base/merge_patch.hpp"
#include "base/time_text.hpp"
#include "records/text_generator.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::records {
namespace {

constexpr std::string_view kAutogenerate = ":autogenerate";
constexpr std::string_view kReserved[] = {"collectionId", "collectionName", "expand"};

/// What a key stands for: a field, one with a modifier, or, where the field is null, nothing that
/// is declared.
struct Key {
  Field const* field = nullptr;
  std::optional<Modifier> modifier;
};

/// "votes+" is the field votes with a modifier, unless a field has that very name.
Key read_key(Definition const& definition, std::string_view key) {
  if (auto const* field = definition.find(key)) return {field, std::nullopt};
  if (key.size() < 2) return {};
  if (key.front() == '+') return {definition.find(key.substr(1)), Modifier::prepend};
  auto const shorter = key.substr(0, key.size() - 1);
  if (key.back() == '+') return {definition.find(shorter), Modifier::append};
  if (key.back() == '-') return {definition.find(shorter), Modifier::remove};
  if (!key.ends_with(kAutogenerate)) return {};
  auto const name = key.substr(0, key.size() - kAutogenerate.size());
  return {definition.find(name), Modifier::autogenerate};
}

bool is_id(Field const& field) {
  return field.name == "id";
}

bool is_generated(Field const& field) {
  return is_id(field) || (field.type == FieldType::text && !field.autogenerate_pattern.empty());
}

bool is_reserved(std::string_view key) {
  return std::find(std::begin(kReserved), std::end(kReserved), key) != std::end(kReserved);
}

/// Builds the next state of a record from its last one and what was sent.
class Draft {
 public:
  Draft(Layout const& layout, Context const& context, JsonObject record)
      : layout_(layout),
        definition_(layout.definition()),
        context_(context),
        record_(std::move(record)) {}

  /// Plain keys first, then modifiers, as they apply to what the plain ones leave.
  void apply(JsonObject const& input) {
    std::vector<Change> modifications;
    for (auto const& pair : input) {
      auto const key = read_key(definition_, pair.key());
      if (key.field == nullptr) {
        keep_undeclared(pair.key(), pair.value());
      } else if (!may_set(*key.field)) {
        continue;
      } else if (key.modifier) {
        modifications.push_back({*key.field, *key.modifier, pair.value()});
      } else if (auto read = read_value(*key.field, pair.value(), errors_)) {
        value(*key.field) = std::move(*read);
      }
    }
    for (auto const& each : modifications) modify(each);
  }

  /// What was given empty or not at all gets a text of its field's pattern.
  void generate_texts() {
    for (auto const& field : definition_.fields) {
      if (!is_generated(field)) continue;
      auto& text = value(field);
      if (!is_zero(field, text)) continue;
      auto const& pattern = field.autogenerate_pattern;
      auto const is_sorted_id =
          pattern.empty() || (is_id(field) && pattern == kIdAutogeneratePattern);
      text.emplace_string() = is_sorted_id ? make_record_id() : generate_text(pattern);
    }
  }

  void set_autodates(bool creating) {
    auto const now = format_time(now_millis());
    for (auto const& field : definition_.fields) {
      if (field.type == FieldType::autodate && (creating ? field.on_create : field.on_update))
        value(field).emplace_string() = now;
    }
  }

  void check_fields() {
    check_texts();
    for (auto const& field : definition_.fields) check_value(field, value(field), errors_);
  }

  /// Undeclared fields, too.
  void check_texts() {
    for (auto const& pair : record_) {
      if (holds_zero(pair.value()) || pair.key().find('\0') != std::string_view::npos)
        errors_.add(pair.key(), "validation_invalid_text", "Must not hold U+0000.");
    }
  }

  void keep_id(Json const& id) {
    if (record_.at("id") != id)
      errors_.add("id", "validation_pk_change", "The record primary key cannot be changed.");
  }

  Drafted finish() {
    layout_.add_collection(record_);
    return {std::move(record_), std::move(errors_)};
  }

 private:
  struct Change {
    Field const& field;
    Modifier modifier;
    Json const& operand;
  };

  Json& value(Field const& field) { return value_of(definition_, field, record_); }

  bool may_set(Field const& field) const {
    return field.type != FieldType::autodate && (!field.is_hidden || context_.bypasses_rules);
  }

  void keep_undeclared(std::string_view key, Json const& value) {
    if (is_reserved(key)) return;
    if (definition_.open) {
      record_[key] = value;
    } else if (context_.strict) {
      errors_.add(key, "validation_unknown_field", fmt::format("There is no field '{}'.", key));
    }
  }

  void modify(Change const& change) {
    auto& stored = value(change.field);
    auto next = apply_modifier(change.field, stored, change.modifier, change.operand, errors_);
    if (next) stored = std::move(*next);
  }

  Layout const& layout_;
  Definition const& definition_;
  Context const& context_;
  JsonObject record_;
  FieldErrors errors_;
};

JsonObject without_reserved(JsonObject record) {
  for (auto const key : kReserved) record.stable_erase(key);
  return record;
}

}  // namespace

Drafted draft_create(Layout const& layout, JsonObject const& input, Context const& context) {
  Draft draft(layout, context, layout.zeros());
  draft.apply(input);
  draft.generate_texts();
  draft.set_autodates(true);
  draft.check_fields();
  return draft.finish();
}

std::vector<std::string> made_up_fields(Layout const& layout, JsonObject const& input,
                                        Context const& context) {
  std::vector<std::string> names;
  for (auto const& field : layout.definition().fields) {
    if (!is_generated(field)) continue;
    auto const* given = input.if_contains(field.name);
    auto const is_ignored = field.is_hidden && !context.bypasses_rules;
    if (given == nullptr || is_ignored || is_zero(field, *given) ||
        input.contains(field.name + std::string(kAutogenerate)))
      names.push_back(field.name);
  }
  return names;
}

Drafted draft_update(Layout const& layout, JsonObject const& stored, JsonObject const& changes,
                     Context const& context) {
  Draft draft(layout, context, without_reserved(stored));
  draft.apply(changes);
  draft.set_autodates(false);
  draft.check_fields();
  draft.keep_id(stored.at("id"));
  return draft.finish();
}

Drafted draft_replace(Layout const& layout, JsonObject const& stored, JsonObject const& input,
                      Context const& context) {
  auto record = layout.zeros();
  record["id"] = stored.at("id");
  for (auto const& field : layout.definition().fields) {
    auto const kept =
        field.type == FieldType::autodate || (field.is_hidden && !context.bypasses_rules);
    if (kept) record[field.name] = stored.at(field.name);
  }
  Draft draft(layout, context, std::move(record));
  draft.apply(input);
  draft.set_autodates(false);
  draft.check_fields();
  draft.keep_id(stored.at("id"));
  return draft.finish();
}

Drafted draft_merge(Layout const& layout, JsonObject const& stored, JsonObject const& patch,
                    Context const& context) {
  Json document = without_reserved(stored);
  merge_patch(document, patch);
  auto merged = std::move(document.get_object());
  if (!merged.contains("id")) merged["id"] = stored.at("id");
  return draft_replace(layout, stored, merged, context);
}

}  // namespace minga::records
