// How records come, change and go: each with its change in the log, in one transaction.
#include "base/json_text.hpp"
#include "base/logging.hpp"
#include "records/draft.hpp"
#include "records/indexes.hpp"
#include "records/storage_error.hpp"
#include "records/store_impl.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace minga::records {
namespace {

constexpr std::string_view kDeleteFailed =
    "Failed to delete record. Make sure that the record is not part of a required relation "
    "reference.";

std::string as_text(Json const& value) {
  return std::string(value.as_string().data(), value.as_string().size());
}

/// What one write of a request needs and leaves; it lives in the frame of the call that awaits the
/// transaction.
struct Write {
  Store::Impl& store;
  std::shared_ptr<Catalog const> catalog;
  Layout const& layout;
  Context& context;
  JsonObject record;                          // in: what to store; out: what is stored
  std::optional<Place> place = std::nullopt;  // of the change, when there is one
  bool replayed = false;
};

/// True when the outcome was there already.
Async<bool> replay(sql::Transaction& transaction, Write& write) {
  if (write.context.idempotency == nullptr) co_return false;
  auto outcome = co_await find_outcome(transaction, write.context);
  write.replayed = outcome.has_value();
  if (!outcome) co_return false;
  write.record = std::move(*outcome);
  write.place = co_await write.store.changes.place_in(transaction);
  co_return write.replayed;
}

Async<void> create_in(sql::Transaction& transaction, Write& write, JsonObject const& record) {
  auto const done = co_await replay(transaction, write);
  if (done) co_return;
  co_await check_relations(transaction, write.store.database.dialect(), *write.catalog,
                           write.layout, record, kCreateFailed);
  write.place = co_await insert_record(transaction, write.store.changes, write.layout, record);
  co_await keep_outcome(transaction, write.context, record);
}

using DraftFunction = std::function<JsonObject(Layout const&, JsonObject const&)>;

/// Whether the change would leave the record as it is, but for times that the server sets.
bool is_done(Layout const& layout, JsonObject const& stored, DraftFunction const& draft) {
  try {
    auto changed = draft(layout, stored);
    for (auto const& field : layout.definition().fields) {
      if (field.type == FieldType::autodate) changed[field.name] = stored.at(field.name);
    }
    return changed == stored;
  } catch (Error const&) {
    return false;  // what cannot be stored is not there
  }
}

/// False when the change is made already. Throws Error 412.
bool is_due(Write const& write, JsonObject const& stored, DraftFunction const& draft) {
  try {
    check_if_match(write.context, stored);
    return true;
  } catch (Error const&) {
    if (!write.context.passes_when_done || !is_done(write.layout, stored, draft)) throw;
    return false;
  }
}

Async<void> change_in(sql::Transaction& transaction, Write& write, std::string const& id,
                      DraftFunction const& draft) {
  auto const done = co_await replay(transaction, write);
  if (done) co_return;
  auto const& dialect = write.store.database.dialect();
  auto const before = co_await load(transaction, write.layout, dialect, id);
  if (is_due(write, before, draft)) {
    write.record = draft(write.layout, before);
    co_await check_relations(transaction, dialect, *write.catalog, write.layout, write.record,
                             kUpdateFailed);
    write.place = co_await update_record(transaction, write.store.changes, write.layout, before,
                                         write.record);
  } else {
    write.record = before;
    write.place.reset();
  }
  co_await keep_outcome(transaction, write.context, write.record);
}

Async<void> remove_in(sql::Transaction& transaction, Write& write, std::string const& id) {
  auto const done = co_await replay(transaction, write);
  if (done) co_return;
  auto const& dialect = write.store.database.dialect();
  auto record = co_await load(transaction, write.layout, dialect, id);
  check_if_match(write.context, record);
  write.place = co_await delete_record(transaction, write.store.changes, *write.catalog, dialect,
                                       write.layout, std::move(record));
  JsonObject const nothing;
  co_await keep_outcome(transaction, write.context, nothing);
}

/// The fields whose values another record has.
std::vector<std::string> taken_fields(Error const& error) {
  std::vector<std::string> names;
  for (auto const& pair : error.data()) {
    auto const* problem = pair.value().if_object();
    if (problem != nullptr && problem->at("code") == "validation_not_unique")
      names.emplace_back(pair.key());
  }
  return names;
}

void note_outcome(Write const& write) {
  auto& context = write.context;
  if (context.idempotency != nullptr) {
    ++context.idempotency->writes;
    context.idempotency->replayed = context.idempotency->replayed || write.replayed;
  }
  if (write.place) context.position = Position{write.store.changes.epoch(), *write.place}.text();
}

}  // namespace

namespace {

/// A write of a record's row, and its change in the log.
std::vector<sql::Statement> with_change(sql::Statement write, sql::Statement change) {
  std::vector<sql::Statement> statements;
  statements.reserve(2);
  statements.push_back(std::move(write));
  statements.push_back(std::move(change));
  return statements;
}

std::vector<sql::Statement> insertion(ChangeLog const& log, Layout const& layout,
                                      JsonObject const& record) {
  return with_change(sql::Statement(layout.insert(), layout.values(record)),
                     log.append(layout.definition().id, as_text(record.at("id")), Action::create,
                                json_text(record), {}));
}

/// The place of the change, which comes last.
Async<Place> execute_all(sql::Transaction& transaction, ChangeLog const& log,
                         std::vector<sql::Statement> statements) {
  sql::Rows last;
  for (auto& statement : statements) last = co_await transaction.execute(std::move(statement));
  co_return log.place_of(last);
}

}  // namespace

Async<Place> insert_record(sql::Transaction& transaction, ChangeLog& log, Layout const& layout,
                           JsonObject const& record) {
  return execute_all(transaction, log, insertion(log, layout, record));
}

Async<Place> update_record(sql::Transaction& transaction, ChangeLog& log, Layout const& layout,
                           JsonObject const& before, JsonObject const& record) {
  auto statements = with_change(sql::Statement(layout.update(), layout.values(record)),
                                log.append(layout.definition().id, as_text(record.at("id")),
                                           Action::update, json_text(record), json_text(before)));
  return execute_all(transaction, log, std::move(statements));
}

Async<void> Store::Impl::write(Context& context, sql::TransactionBody body,
                               std::string const& collection, std::string_view message) {
  try {
    co_await database.transact(std::move(body), context.deadline);
  } catch (sql::Error const& error) {
    throw_write_error(named(error), message);
  }
  written(collection);
}

namespace {

Async<void> take_place(sql::Transaction& transaction, ChangeLog const& log,
                       std::optional<Place>& place) {
  place = co_await log.place_in(transaction);
}

/// After a commit whose rows were lost: the place of a transaction behind it. Nothing where that is
/// not to be had.
Async<std::optional<Place>> place_behind(sql::Database& database, ChangeLog const& log,
                                         Deadline deadline) {
  std::optional<Place> place;
  sql::TransactionBody body = [&log, &place](sql::Transaction& transaction) {
    return take_place(transaction, log, place);
  };
  try {
    co_await database.transact(std::move(body), deadline);
  } catch (sql::Error const& error) {
    log::warning(fmt::format("A write is done, its position is not known: {}", error.what()));
  }
  co_return place;
}

}  // namespace

Async<std::optional<Place>> Store::Impl::write_all(Context& context,
                                                   std::vector<sql::Statement> statements,
                                                   std::string const& collection,
                                                   std::string_view message) {
  for (auto& statement : statements) statement.deadline = context.deadline;
  std::optional<Place> place;
  try {
    auto const rows = co_await database.write_all(std::move(statements));
    place = changes.place_of(rows.back());
  } catch (sql::Error const& error) {
    if (!error.is_committed) throw_write_error(named(error), message);
  }
  if (!place) place = co_await place_behind(database, changes, context.deadline);
  written(collection);
  co_return place;
}

sql::Error Store::Impl::named(sql::Error error) const {
  if (error.code() != sql::ErrorCode::unique_violation || error.index.empty()) return error;
  auto const snapshot = catalog();
  auto const name = "\"" + error.index + "\"";
  for (auto const& definition : snapshot->schema.all()) {
    for (auto const& index : indexes_of(definition)) {
      if (database.dialect().quote(index.name) != name) continue;
      error.columns.clear();
      for (auto const& column : index.columns) error.columns.push_back(column.name);
    }
  }
  return error;
}

void Store::Impl::written(std::string const& collection) {
  writes.Increment();
  counts.forget(collection);
  changes.bells().committed();
}

namespace {

/// A body is needed only where the write depends on what is stored.
Async<void> insert(Write& write, JsonObject const& record) {
  auto const& collection = write.layout.definition().id;
  if (write.context.idempotency == nullptr && !write.layout.has_relations()) {
    auto statements = insertion(write.store.changes, write.layout, record);
    write.place = co_await write.store.write_all(write.context, std::move(statements), collection,
                                                 kCreateFailed);
    co_return;
  }
  sql::TransactionBody body = [&write, &record](sql::Transaction& transaction) {
    return create_in(transaction, write, record);
  };
  co_await write.store.write(write.context, std::move(body), collection, kCreateFailed);
}

}  // namespace

Async<JsonObject> Store::create(Context& context, std::string_view collection, JsonObject input) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  check_rule(layout.definition().create_rule, context);
  for (int drafts = 1;; ++drafts) {
    auto record = draft_create(layout, input, context);
    Write write{*impl_, catalog, layout, context, {}};
    try {
      co_await insert(write, record);
    } catch (Error const& error) {
      if (drafts == kDrafts || !may_draft_anew(layout, input, context, taken_fields(error))) throw;
      continue;
    }
    note_outcome(write);
    co_return write.replayed ? std::move(write.record) : std::move(record);
  }
}

Async<JsonObject> Store::Impl::change(Context& context, std::string_view collection,
                                      std::string_view id, DraftFunction draft) {
  auto const snapshot = catalog();
  auto const& found = layout(*snapshot, collection);
  check_rule(found.definition().update_rule, context);
  Write write{*this, snapshot, found, context, {}};
  sql::TransactionBody body = [&write, &draft,
                               key = std::string(id)](sql::Transaction& transaction) {
    return change_in(transaction, write, key, draft);
  };
  co_await this->write(context, std::move(body), found.definition().id, kUpdateFailed);
  note_outcome(write);
  co_return std::move(write.record);
}

Async<JsonObject> Store::update(Context& context, std::string_view collection, std::string_view id,
                                JsonObject changes) {
  DraftFunction draft = [&context, changes = std::move(changes)](Layout const& layout,
                                                                 JsonObject const& stored) {
    return draft_update(layout, stored, changes, context);
  };
  co_return co_await impl_->change(context, collection, id, std::move(draft));
}

Async<JsonObject> Store::replace(Context& context, std::string_view collection, std::string_view id,
                                 JsonObject input) {
  DraftFunction draft = [&context, input = std::move(input)](Layout const& layout,
                                                             JsonObject const& stored) {
    return draft_replace(layout, stored, input, context);
  };
  co_return co_await impl_->change(context, collection, id, std::move(draft));
}

Async<JsonObject> Store::merge(Context& context, std::string_view collection, std::string_view id,
                               JsonObject patch) {
  DraftFunction draft = [&context, patch = std::move(patch)](Layout const& layout,
                                                             JsonObject const& stored) {
    return draft_merge(layout, stored, patch, context);
  };
  co_return co_await impl_->change(context, collection, id, std::move(draft));
}

Async<void> Store::remove(Context& context, std::string_view collection, std::string_view id) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  check_rule(layout.definition().delete_rule, context);
  Write write{*impl_, catalog, layout, context, {}};
  sql::TransactionBody body = [&write, key = std::string(id)](sql::Transaction& transaction) {
    return remove_in(transaction, write, key);
  };
  co_await impl_->write(context, std::move(body), layout.definition().id, kDeleteFailed);
  // A cascade may have reached any collection.
  for (auto const& definition : catalog->schema.all()) impl_->counts.forget(definition.id);
  note_outcome(write);
}

namespace {

struct Bulk {
  std::vector<JsonObject> inputs;
  std::vector<std::pair<std::size_t, JsonObject>> records;  // with their position in the input
  Store::BulkResult result;
};

struct Refusal {
  std::string reason;              // empty: none
  std::vector<std::string> taken;  // the fields whose values another record has
};

/// One record of a bulk: what it breaks is reported, and the statement alone undone.
Async<Refusal> try_insert(sql::Transaction& transaction, Write& write, JsonObject const& record) {
  Refusal refusal;
  try {
    co_await check_relations(transaction, write.store.database.dialect(), *write.catalog,
                             write.layout, record, kCreateFailed);
    write.place = co_await insert_record(transaction, write.store.changes, write.layout, record);
  } catch (sql::Error const& error) {
    if (error.code() != sql::ErrorCode::unique_violation) throw;
    refusal.taken = write.store.named(error).columns;
    refusal.reason = fmt::format("{}: Value must be unique.", fmt::join(refusal.taken, ", "));
  } catch (Error const& error) {
    refusal.reason = describe(error);
  }
  co_return refusal;
}

/// With another draft where what was generated is taken. Its reason, empty where it was inserted.
Async<std::string> insert_drafts(sql::Transaction& transaction, Write& write,
                                 JsonObject const& input, JsonObject& record) {
  for (int drafts = 1;; ++drafts) {
    auto refusal = co_await try_insert(transaction, write, record);
    auto const again = drafts < kDrafts && !refusal.taken.empty() &&
                       may_draft_anew(write.layout, input, write.context, refusal.taken);
    if (!again) co_return std::move(refusal.reason);
    record = draft_create(write.layout, input, write.context);
  }
}

JsonObject outcome_of(Store::BulkResult const& result) {
  JsonArray refused;
  for (auto const& [position, reason] : result.refused) {
    JsonObject refusal;
    refusal["position"] = position;
    refusal["reason"] = reason;
    refused.push_back(std::move(refusal));
  }
  JsonObject outcome;
  outcome["added"] = result.added;
  outcome["refused"] = std::move(refused);
  return outcome;
}

Store::BulkResult result_of(JsonObject const& outcome) {
  Store::BulkResult result;
  result.added = outcome.at("added").to_number<std::int64_t>();
  for (auto const& refusal : outcome.at("refused").as_array()) {
    auto const position = refusal.at("position").to_number<std::size_t>();
    result.refused.emplace_back(position, as_text(refusal.at("reason")));
  }
  return result;
}

Async<void> create_all(sql::Transaction& transaction, Write& write, Bulk& bulk,
                       Store::BulkResult const& refused_before) {
  auto const done = co_await replay(transaction, write);
  if (done) {
    bulk.result = result_of(write.record);
    co_return;
  }
  bulk.result = refused_before;
  for (auto& [position, record] : bulk.records) {
    auto refusal = co_await insert_drafts(transaction, write, bulk.inputs[position], record);
    if (refusal.empty()) {
      ++bulk.result.added;
    } else {
      bulk.result.refused.emplace_back(position, std::move(refusal));
    }
  }
  auto const outcome = outcome_of(bulk.result);
  co_await keep_outcome(transaction, write.context, outcome);
}

}  // namespace

std::string describe(Error const& error) {
  std::string text;
  for (auto const& pair : error.data()) {
    auto const* object = pair.value().if_object();
    auto const* message = object == nullptr ? nullptr : object->if_contains("message");
    if (message == nullptr || !message->is_string()) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : " ", std::string_view(pair.key()),
                        std::string_view(message->get_string()));
  }
  return text.empty() ? error.message() : text;
}

Async<Store::BulkResult> Store::create_many(Context& context, std::string_view collection,
                                            std::vector<JsonObject> inputs) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  check_rule(layout.definition().create_rule, context);
  Bulk bulk;
  bulk.inputs = std::move(inputs);
  BulkResult refused;
  for (std::size_t i = 0; i < bulk.inputs.size(); ++i) {
    try {
      bulk.records.emplace_back(i, draft_create(layout, bulk.inputs[i], context));
    } catch (Error const& error) {
      refused.refused.emplace_back(i, describe(error));
    }
  }
  Write write{*impl_, catalog, layout, context, {}};
  sql::TransactionBody body = [&write, &bulk, &refused](sql::Transaction& transaction) {
    return create_all(transaction, write, bulk, refused);
  };
  co_await impl_->write(context, std::move(body), layout.definition().id, kCreateFailed);
  note_outcome(write);
  co_return std::move(bulk.result);
}

}  // namespace minga::records
