#pragma once

#include "records/change_log.hpp"
#include "records/count_cache.hpp"
#include "records/draft.hpp"
#include "records/layout.hpp"
#include "records/store.hpp"
#include "records/values.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

namespace minga::records {

struct Store::Impl {
  Impl(sql::Database& engine, Metrics& metrics);

  std::shared_ptr<Catalog const> catalog() const { return std::atomic_load(&catalog_); }
  void set_catalog(std::vector<Definition> definitions);
  /// Throws Error 404 when there is no such collection.
  static Layout const& layout(Catalog const& catalog, std::string_view collection);

  /// Runs a body that appended changes: storage errors become Errors, listeners are told, the
  /// position is noted.
  Async<void> write(Context& context, sql::TransactionBody body, std::string const& collection,
                    std::string_view message);
  /// The same for statements of which the last appends the change; `place` is where, or a later
  /// one.
  Async<void> write_all(Context const& context, std::vector<sql::Statement> statements,
                        std::string const& collection, std::string_view message,
                        std::optional<Place>& place);
  /// A unique violation with the fields of its index, where the index is a collection's.
  sql::Error named(sql::Error error) const;

  Async<JsonObject> change(Context& context, std::string_view collection, std::string_view id,
                           std::function<Drafted(Layout const&, JsonObject const&)> draft);
  /// Of records of that collection.
  Async<sql::Rows> read(Context& context, Definition const& definition, sql::Statement statement);

  sql::Database& database;
  ChangeLog changes;
  Bells declarations;
  CountCache counts;
  prometheus::Counter& writes;
  std::string secret;  // signs cursors
  std::mutex seen_mutex;
  std::string seen;  // what `_settings` said of the collections when they were read

 private:
  void written(std::string const& collection);

  std::shared_ptr<Catalog const> catalog_;
};

/// Throws Error 403 when the rule is for superusers alone and the context is none.
void check_rule(Rule const& rule, Context const& context);

/// Error 404 of a record.
Error record_not_found();

/// The row by id within a transaction, locked for a change. Throws Error 404.
Async<JsonObject> load(sql::Transaction& transaction, Layout const& layout,
                       sql::Dialect const& dialect, std::string id);

/// Throws Error 412 when If-Match is set and does not name the record.
void check_if_match(Context const& context, JsonObject const& stored);

/// Runs a SELECT, in a transaction or by itself.
using RowReader = std::function<Async<sql::Rows>(sql::Statement)>;

/// Adds an error of each relation that has none yet and holds an id that is not there. `lock` ends
/// the SELECT of a record.
Async<void> find_missing(RowReader const& read, std::string_view lock, Catalog const& catalog,
                         Layout const& layout, JsonObject const& record, FieldErrors& errors);

/// Throws Error 400 when a relation holds an id that is not there. What is there stays until the
/// transaction's end.
Async<void> check_relations(sql::Transaction& transaction, sql::Dialect const& dialect,
                            Catalog const& catalog, Layout const& layout, JsonObject const& record,
                            std::string_view message);

Async<Place> insert_record(sql::Transaction& transaction, ChangeLog& log, Layout const& layout,
                           JsonObject const& record);
Async<Place> update_record(sql::Transaction& transaction, ChangeLog& log, Layout const& layout,
                           JsonObject const& before, JsonObject const& record);

/// Deletes the record, and what its references ask for: removed from lists, cascaded, or refused
/// with Error 400.
Async<Place> delete_record(sql::Transaction& transaction, ChangeLog& log, Catalog const& catalog,
                           sql::Dialect const& dialect, Layout const& layout, JsonObject record);

/// Claims the request's key for this write until the transaction's end, or gives the stored outcome
/// when it was done before; waits for who has claimed it. Throws Error 422 when the key was used
/// for another request.
Async<std::optional<JsonObject>> find_outcome(sql::Transaction& transaction,
                                              Context const& context);
/// Of the write whose key find_outcome() claimed.
Async<void> keep_outcome(sql::Transaction& transaction, Context const& context,
                         JsonObject const& outcome);

}  // namespace minga::records
