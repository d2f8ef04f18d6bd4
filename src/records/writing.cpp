// How records come, change and go: each with its change in the log, in one transaction.
#include "base/logging.hpp"
#include "records/draft.hpp"
#include "records/indexes.hpp"
#include "records/storage_error.hpp"
#include "records/write.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::records {
namespace {

constexpr std::string_view kDeleteFailed =
    "Failed to delete record. Make sure that the record is not part of a required relation "
    "reference.";

std::string as_text(Json const& value) {
  return std::string(value.as_string().data(), value.as_string().size());
}

Async<void> create_in(sql::Transaction& transaction, Write& write, JsonObject const& record) {
  auto const done = co_await replay(transaction, write);
  if (done) co_return;
  co_await check_relations(transaction, write.store.database.dialect(), *write.catalog,
                           write.layout, record, kCreateFailed);
  write.place = co_await insert_record(transaction, write.store.changes, write.layout, record);
  co_await keep_outcome(transaction, write.context, record);
}

using DraftFunction = std::function<Drafted(Layout const&, JsonObject const&)>;

/// Whether the change would leave the record as it is, but for times that the server sets.
bool is_done(Layout const& layout, JsonObject const& stored, DraftFunction const& draft) {
  auto changed = draft(layout, stored);
  if (!changed.errors.empty()) return false;  // what cannot be stored is not there
  for (auto const& field : layout.definition().fields) {
    if (field.type == FieldType::autodate) changed.record[field.name] = stored.at(field.name);
  }
  return changed.record == stored;
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
    auto next = draft(write.layout, before);
    write.record = std::move(next.record);
    next.errors.throw_if_any(kUpdateFailed);
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

/// A write of a record's row, and its change in the log.
std::vector<sql::Statement> with_change(sql::Statement write, sql::Statement change) {
  std::vector<sql::Statement> statements;
  statements.reserve(2);
  statements.push_back(std::move(write));
  statements.push_back(std::move(change));
  return statements;
}

/// `text` is the record's.
std::vector<sql::Statement> insertion(ChangeLog const& log, Layout const& layout,
                                      JsonObject const& record, std::string text) {
  return with_change(sql::Statement(layout.insert(), layout.values(record)),
                     log.append(layout.definition().id, as_text(record.at("id")), Action::create,
                                std::move(text), {}));
}

/// The place of the change, which comes last.
Async<Place> execute_all(sql::Transaction& transaction, ChangeLog const& log,
                         std::vector<sql::Statement> statements) {
  sql::Rows last;
  for (auto& statement : statements) last = co_await transaction.execute(std::move(statement));
  co_return log.place_of(last);
}

}  // namespace

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

void note_outcome(Write const& write) {
  auto& context = write.context;
  if (context.idempotency != nullptr) {
    ++context.idempotency->writes;
    context.idempotency->replayed = context.idempotency->replayed || write.replayed;
  }
  if (write.place) context.position = Position{write.store.changes.epoch(), *write.place}.text();
}

Async<Place> insert_record(sql::Transaction& transaction, ChangeLog& log, Layout const& layout,
                           JsonObject const& record) {
  return execute_all(transaction, log, insertion(log, layout, record, layout.text(record)));
}

Async<Place> update_record(sql::Transaction& transaction, ChangeLog& log, Layout const& layout,
                           JsonObject const& before, JsonObject const& record) {
  auto statements =
      with_change(sql::Statement(layout.update(), layout.values(record)),
                  log.append(layout.definition().id, as_text(record.at("id")), Action::update,
                             layout.text(record), layout.text(before)));
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

Async<void> Store::Impl::write_all(Context const& context, std::vector<sql::Statement> statements,
                                   std::string const& collection, std::string_view message,
                                   std::optional<Place>& place) {
  for (auto& statement : statements) statement.deadline = context.deadline;
  place.reset();
  try {
    auto const rows = co_await database.write_all(std::move(statements));
    place = changes.place_of(rows.back());
  } catch (sql::Error const& error) {
    if (!error.is_committed) throw_write_error(named(error), message);
  }
  if (!place) place = co_await place_behind(database, changes, context.deadline);
  written(collection);
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

Async<void> insert_in_transaction(Write& write, JsonObject const& record) {
  sql::TransactionBody body = [&write, &record](sql::Transaction& transaction) {
    return create_in(transaction, write, record);
  };
  co_await write.store.write(write.context, std::move(body), write.layout.definition().id,
                             kCreateFailed);
}

/// A transaction's body is needed only where the write depends on what is stored.
Async<void> insert(Write& write, JsonObject const& record) {
  if (write.context.idempotency != nullptr || write.layout.has_relations())
    return insert_in_transaction(write, record);
  auto const& log = write.store.changes;
  write.context.record_text = write.layout.text(record);
  return write.store.write_all(write.context,
                               insertion(log, write.layout, record, write.context.record_text),
                               write.layout.definition().id, kCreateFailed, write.place);
}

/// Whether another record has the value of one of the fields.
bool has_taken(Error const& refusal, std::vector<std::string> const& fields) {
  FieldErrors const errors(refusal.data());
  return std::any_of(fields.begin(), fields.end(),
                     [&](std::string const& field) { return errors.is_not_unique(field); });
}

}  // namespace

Async<JsonObject> Store::create(Context& context, std::string_view collection, JsonObject input) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  check_rule(layout.definition().create_rule, context);
  context.record_text.clear();
  for (int drafts = 1;; ++drafts) {
    auto draft = draft_create(layout, input, context);
    Write write{*impl_, catalog, layout, context, {}};
    std::optional<Error> refusal;
    try {
      draft.errors.throw_if_any(kCreateFailed);
      co_await insert(write, draft.record);
    } catch (Error const& error) {
      refusal = error;
    }
    if (!refusal) {
      note_outcome(write);
      co_return write.replayed ? std::move(write.record) : std::move(draft.record);
    }
    auto const made_up = made_up_fields(layout, input, context);
    if (drafts < kDrafts && has_taken(*refusal, made_up)) continue;
    std::string const not_stored;
    co_await complete_refusal(write, draft.record, not_stored, made_up, *refusal);
    throw Error(std::move(*refusal));
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
  std::optional<Error> refusal;
  try {
    co_await this->write(context, std::move(body), found.definition().id, kUpdateFailed);
  } catch (Error const& error) {
    refusal = error;
  }
  if (refusal) {
    std::string const stored_id(id);
    std::vector<std::string> const made_up;
    co_await complete_refusal(write, write.record, stored_id, made_up, *refusal);
    throw Error(std::move(*refusal));
  }
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

}  // namespace minga::records
