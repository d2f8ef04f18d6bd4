#include "records/store.hpp"

#include "base/ids.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "records/indexes.hpp"
#include "records/storage_error.hpp"
#include "records/store_impl.hpp"
#include "records/tables.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <map>
#include <xxhash.h>

namespace minga::records {
namespace {

constexpr char const* kDefinitions = "SELECT definition FROM _collections ORDER BY id";
constexpr char const* kSaveDefinition =
    "INSERT INTO _collections (id, name, definition) VALUES ($1, $2, $3) "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, definition = excluded.definition";
constexpr char const* kSetting = "SELECT value FROM _settings WHERE key = $1";
/// Waits for another transaction that sets it.
constexpr char const* kSetSetting =
    "INSERT INTO _settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";

/// Another value for each change of a definition: nodes tell by it that there is something new.
constexpr char const* kMarkDefinitions =
    "INSERT INTO _settings (key, value) VALUES ('collections', $1) ON CONFLICT (key) DO UPDATE SET "
    "value = excluded.value";
constexpr char const* kDefinitionsMark = "SELECT value FROM _settings WHERE key = 'collections'";

std::vector<Definition> definitions_of(sql::Rows const& rows) {
  std::vector<Definition> definitions;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    definitions.push_back(definition_from_json(read_json(rows.text(i, 0)).as_object()));
  }
  return definitions;
}

/// Relations are declared by name and stored by id. Throws Error 400 when the collection is not
/// there.
void resolve_relations(Definition& definition, Schema const& schema) {
  for (auto& field : definition.fields) {
    if (field.type != FieldType::relation) continue;
    if (field.collection == definition.id ||
        equals_ignoring_case(field.collection, definition.name)) {
      field.collection = definition.id;
      continue;
    }
    auto const* target = schema.find(field.collection);
    if (target == nullptr) {
      throw Error::invalid(
          field.name, "validation_field_relation_missing_collection",
          fmt::format("The relation's collection '{}' is not there; declare it first.",
                      field.collection));
    }
    field.collection = target->id;
  }
}

Error needs_migration(Definition const& definition, std::string const& what) {
  return Error(400, "needs_migration",
               fmt::format("The collection {} cannot be changed without a migration: {}.",
                           definition.name, what));
}

/// Refuses what would lose data or make stored values wrong.
void check_additive(Definition const& old, Definition const& fresh) {
  if (old.open && !fresh.open)
    throw needs_migration(old, "it is open and its undeclared fields would be lost");
  for (auto const& field : old.fields) {
    auto const* next = fresh.find(field.name);
    if (next == nullptr)
      throw needs_migration(
          old, fmt::format("the field '{}' would be dropped with its data", field.name));
    if (next->type != field.type) {
      throw needs_migration(old, fmt::format("the field '{}' is {} and would become {}", field.name,
                                             type_name(field.type), type_name(next->type)));
    }
    if (next->is_list() != field.is_list() || next->only_int != field.only_int ||
        next->is_nullable != field.is_nullable) {
      throw needs_migration(
          old, fmt::format("the column of the field '{}' would change its type", field.name));
    }
  }
}

std::vector<std::string> alterations(Definition const& old, Definition const& fresh,
                                     sql::Dialect const& dialect) {
  auto const table = dialect.quote(fresh.name);
  std::vector<std::string> statements;
  if (dialect.tells_case() && old.name != fresh.name)
    statements.push_back(
        fmt::format("ALTER TABLE {} RENAME TO {}", dialect.quote(old.name), table));
  for (auto const& field : fresh.fields) {
    if (old.find(field.name) == nullptr)
      statements.push_back(
          fmt::format("ALTER TABLE {} ADD COLUMN {}", table, column_sql(field, dialect)));
  }
  if (fresh.open && !old.open)
    statements.push_back(
        fmt::format("ALTER TABLE {} ADD COLUMN {}", table, open_column_sql(dialect)));
  auto const kept = indexes_of(fresh);
  for (auto const& index : indexes_of(old)) {
    auto const same = [&](Index const& other) {
      return index_sql(other, fresh, dialect) == index_sql(index, fresh, dialect);
    };
    if (std::none_of(kept.begin(), kept.end(), same))
      statements.push_back(fmt::format("DROP INDEX IF EXISTS {}", dialect.quote(index.name)));
  }
  for (auto const& index : kept) statements.push_back(index_sql(index, fresh, dialect));
  return statements;
}

bool same_definition(Definition old, Definition fresh) {
  old.created = fresh.created = old.updated = fresh.updated = "";
  return to_json(old) == to_json(fresh);
}

/// Names of indexes are the whole database's.
void check_index_names(Definition const& fresh, std::vector<Definition> const& all) {
  std::map<std::string, std::string> taken;  // by the collection
  for (auto const& other : all) {
    if (other.id == fresh.id || equals_ignoring_case(other.name, fresh.name)) continue;
    for (auto const& index : indexes_of(other)) taken.emplace(ascii_lower(index.name), other.name);
  }
  for (auto const& index : indexes_of(fresh)) {
    auto const found = taken.find(ascii_lower(index.name));
    if (found == taken.end()) continue;
    throw Error::invalid("indexes", "validation_existing_index_name",
                         fmt::format("The index name {} is used by the collection {} already.",
                                     index.name, found->second));
  }
}

Async<void> declare_in(sql::Transaction& transaction, sql::Dialect const& dialect, Definition fresh,
                       std::vector<Definition>& all, bool& changed) {
  changed = false;
  for (auto& sql : dialect.schema_lock())
    co_await transaction.execute(sql::Statement(std::move(sql)));
  auto const stored = co_await transaction.execute(sql::Statement(kDefinitions));
  all = definitions_of(stored);
  resolve_relations(fresh, Schema(all));
  check_index_names(fresh, all);
  auto const same = [&](Definition const& each) {
    return each.id == fresh.id || equals_ignoring_case(each.name, fresh.name);
  };
  auto const old = std::find_if(all.begin(), all.end(), same);
  auto const exists = old != all.end();
  if (exists && same_definition(*old, fresh)) co_return;
  if (exists) check_additive(*old, fresh);
  fresh.updated = format_time(now_millis());
  fresh.created = exists ? old->created : fresh.updated;
  if (exists) fresh.id = old->id;
  auto statements = exists ? alterations(*old, fresh, dialect) : create_table_sql(fresh, dialect);
  for (auto& sql : statements) co_await transaction.execute(sql::Statement(std::move(sql)));
  sql::Params values{fresh.id, fresh.name, json_text(to_json(fresh))};
  sql::Statement save(kSaveDefinition, std::move(values));
  co_await transaction.execute(std::move(save));
  sql::Params mark_values{random_text(15)};
  sql::Statement mark(kMarkDefinitions, std::move(mark_values));
  co_await transaction.execute(std::move(mark));
  changed = true;
  if (exists) {
    *old = fresh;
  } else {
    all.push_back(fresh);
  }
}

Async<sql::Rows> find_setting(sql::Transaction& transaction, std::string const& key) {
  sql::Params values{key};
  sql::Statement find(kSetting, std::move(values));
  co_return co_await transaction.execute(std::move(find));
}

Async<void> setting_in(sql::Transaction& transaction, std::string const& key,
                       std::function<std::string()> const& make, std::string& value) {
  auto rows = co_await find_setting(transaction, key);
  if (rows.empty()) {
    sql::Params values{key, make()};
    sql::Statement set(kSetSetting, std::move(values));
    co_await transaction.execute(std::move(set));
    rows = co_await find_setting(transaction, key);
  }
  value = rows.text(0, 0);
}

}  // namespace

Store::Impl::Impl(sql::Database& engine, Metrics& metrics)
    : database(engine),
      changes(engine),
      writes(metrics.counter("minga_records_writes_total", "Committed writes of records.")) {
  set_catalog({});
}

void Store::Impl::set_catalog(std::vector<Definition> definitions) {
  std::atomic_store(&catalog_, std::shared_ptr<Catalog const>(std::make_shared<Catalog>(
                                   std::move(definitions), database.dialect())));
}

Layout const& Store::Impl::layout(Catalog const& catalog, std::string_view collection) {
  auto const* found = catalog.find(collection);
  if (found == nullptr) throw Error::not_found();
  return *found;
}

Store::Store(sql::Database& database, Metrics& metrics)
    : impl_(std::make_unique<Impl>(database, metrics)) {}
Store::~Store() = default;

Async<void> Store::open() {
  co_await sql::migrate(impl_->database, platform_migrations());
  auto make_secret = [] {
    return random_text(50);
  };
  impl_->secret = co_await setting("signing_secret", make_secret);
  auto make_epoch = [] {
    return random_text(8);
  };
  impl_->changes.set_epoch(co_await setting("epoch", make_epoch));
  co_await impl_->changes.last(kNoDeadline);
  auto const rows = co_await impl_->database.read(sql::Statement(kDefinitions));
  impl_->set_catalog(definitions_of(rows));
}

Async<void> Store::declare(Definition definition) {
  auto const fresh = complete(std::move(definition));
  std::vector<Definition> all;
  auto changed = false;
  sql::TransactionBody body = [this, &fresh, &all, &changed](sql::Transaction& transaction) {
    return declare_in(transaction, impl_->database.dialect(), fresh, all, changed);
  };
  try {
    co_await impl_->database.transact(std::move(body));
  } catch (sql::Error const& error) {
    if (error.code() != sql::ErrorCode::unique_violation) throw;
    throw needs_migration(fresh, fmt::format("records hold the same {} and could not be unique",
                                             fmt::join(error.columns, ", ")));
  }
  impl_->set_catalog(std::move(all));
  if (changed) impl_->declarations.committed();
}

Async<void> Store::refresh(Deadline deadline) {
  auto const marks = co_await impl_->database.read(sql::Statement(kDefinitionsMark, {}, deadline));
  auto const mark = marks.empty() ? std::string{} : marks.text(0, 0);
  {
    std::lock_guard const lock(impl_->seen_mutex);
    if (mark == impl_->seen) co_return;
  }
  auto const rows = co_await impl_->database.read(sql::Statement(kDefinitions, {}, deadline));
  impl_->set_catalog(definitions_of(rows));
  std::lock_guard const lock(impl_->seen_mutex);
  impl_->seen = mark;
}

std::shared_ptr<Schema const> Store::schema() const {
  auto catalog = impl_->catalog();
  return {catalog, &catalog->schema};
}

sql::Database& Store::database() {
  return impl_->database;
}
Changes& Store::changes() {
  return impl_->changes;
}

Bells& Store::declarations() {
  return impl_->declarations;
}

Async<std::string> Store::setting(std::string_view key, std::function<std::string()> make) {
  std::string value;
  sql::TransactionBody body = [&value, &make,
                               name = std::string(key)](sql::Transaction& transaction) {
    return setting_in(transaction, name, make, value);
  };
  co_await impl_->database.transact(std::move(body));
  co_return value;
}

void check_rule(Rule const& rule, Context const& context) {
  if (!rule && !context.bypasses_rules)
    throw Error::forbidden("Only superusers can perform this action.");
}

Error record_not_found() {
  return Error::not_found();
}

Async<JsonObject> load(sql::Transaction& transaction, Layout const& layout,
                       sql::Dialect const& dialect, std::string id) {
  sql::Params values{std::move(id)};
  sql::Statement statement(layout.select_by_id() + std::string(dialect.for_update()),
                           std::move(values));
  auto rows = co_await transaction.execute(std::move(statement));
  if (rows.empty()) throw record_not_found();
  co_return layout.record(rows, 0);
}

void check_if_match(Context const& context, JsonObject const& stored) {
  if (!context.if_match) return;
  auto tag = etag(stored);
  auto const& tags = *context.if_match;
  if (std::find(tags.begin(), tags.end(), "*") != tags.end() ||
      std::find(tags.begin(), tags.end(), tag) != tags.end())
    return;
  throw Error::precondition_failed({}, std::move(tag));
}

void hide_fields(Definition const& definition, JsonObject& record) {
  for (auto const& field : definition.fields) {
    if (field.is_hidden) record.stable_erase(field.name);
  }
}

std::string etag(JsonObject const& record) {
  if (!record.contains("expand")) return etag_of(json_text(record));
  auto stored = record;
  stored.stable_erase("expand");
  return etag_of(json_text(stored));
}

std::string etag_of(std::string_view record_text) {
  auto const hash = XXH3_128bits(record_text.data(), record_text.size());
  return fmt::format(FMT_COMPILE("{:016x}{:016x}"), hash.high64, hash.low64);
}

}  // namespace minga::records
