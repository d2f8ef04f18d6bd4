#pragma once

#include <minga/page.hpp>

#include "base/metrics.hpp"
#include "records/changes.hpp"
#include "records/context.hpp"
#include "records/definition.hpp"
#include "records/schema.hpp"
#include "sql/database.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

/// A list as the HTTP API asks for it; owns its texts.
struct ListQuery {
  std::string filter;
  std::string sort;
  std::string expand;
  std::int64_t page = 1;
  std::int64_t per_page = 30;
  bool skip_total = false;
  bool estimated_total = false;
  /// Cursor paging (API.md section 10): set `limit`, or `cursor` from the page before.
  std::optional<std::int64_t> limit;
  std::optional<std::string> cursor;
};

struct CursorPage {
  JsonArray items;
  std::optional<std::string> cursor;
};

/// The collections of one database: definitions, validation, records, and the change log that every
/// write appends to. Used from any I/O thread. Errors are minga::Error with API.md's statuses and
/// codes; storage errors become 503 (busy, deadline, queue full, no space) or stay faults.
class Store {
 public:
  explicit Store(sql::Database& database, Metrics& metrics);
  ~Store();

  /// Brings the platform's tables up to date, reads the definitions, declares the signing secret
  /// and the epoch.
  Async<void> open();
  /// Creates the collection or migrates it by adding what is new (fields, indexes, options, rules).
  /// A change that would lose data throws minga::Error that says which migration is needed.
  Async<void> declare(Definition definition);

  /// Takes over what other nodes have declared since. Cheap where there is nothing new.
  Async<void> refresh(Deadline deadline);

  std::shared_ptr<Schema const> schema() const;
  sql::Database& database();
  Changes& changes();
  /// Rung after declarations that changed something.
  Bells& declarations();

  Async<Page> list(Context& context, std::string_view collection, ListQuery query);
  /// The envelope of list() as JSON text, made straight from the rows; without the fields that only
  /// superusers see, unless the context bypasses the rules.
  Async<std::string> list_text(Context& context, std::string_view collection, ListQuery query);
  Async<CursorPage> list_by_cursor(Context& context, std::string_view collection, ListQuery query);
  Async<JsonObject> view(Context& context, std::string_view collection, std::string_view id,
                         std::string_view expand = {});
  /// The record as JSON text, made straight from its row, without the fields that only superusers
  /// see, unless the context bypasses the rules; and its entity tag.
  struct RecordText {
    std::string text;
    std::string tag;  // without quotes
  };
  Async<RecordText> view_text(Context& context, std::string_view collection, std::string_view id);
  /// The record as stored, without expand; call expand_record for it.
  Async<JsonObject> create(Context& context, std::string_view collection, JsonObject input);
  Async<JsonObject> update(Context& context, std::string_view collection, std::string_view id,
                           JsonObject changes);
  Async<JsonObject> replace(Context& context, std::string_view collection, std::string_view id,
                            JsonObject input);
  Async<JsonObject> merge(Context& context, std::string_view collection, std::string_view id,
                          JsonObject patch);
  Async<void> remove(Context& context, std::string_view collection, std::string_view id);
  /// Puts `expand` into records of the collection (API.md section 3); what may not be seen is left
  /// out.
  Async<void> expand_all(Context& context, std::string_view collection, JsonArray& records,
                         std::string_view expand);
  Async<JsonObject> expand_record(Context& context, std::string_view collection, JsonObject record,
                                  std::string_view expand);

  /// Many records in one transaction: what is valid is added, the rest reported by its position in
  /// `inputs`. For bulk import: an id that is taken is a refusal.
  struct BulkResult {
    std::int64_t added = 0;
    std::vector<std::pair<std::size_t, std::string>> refused;
  };
  Async<BulkResult> create_many(Context& context, std::string_view collection,
                                std::vector<JsonObject> inputs);

  /// Records in the order of ids after `after_id`, at most `limit`: exports page through a
  /// collection with it.
  Async<std::vector<JsonObject>> scan(Context& context, std::string_view collection,
                                      std::string_view filter, std::string_view after_id,
                                      std::int64_t limit);

  /// Forgets the outcomes of requests older than 24 hours; says how many.
  Async<std::int64_t> prune_idempotency(Deadline deadline);

  /// A named value of `_settings` (secrets, epoch); made by `make` in a transaction when absent.
  Async<std::string> setting(std::string_view key, std::function<std::string()> make);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

/// Takes the fields that only superusers see out of a record.
void hide_fields(Definition const& definition, JsonObject& record);

/// What is wrong with a record, as one line for people: "title: Cannot be blank."
std::string describe(Error const& error);

/// A strong entity tag, without quotes, of a record as stored; what was expanded is no part of it.
std::string etag(JsonObject const& record);
/// The same, of the record's JSON text.
std::string etag_of(std::string_view record_text);

/// `fields=` of API.md section 1 applied to a record or to each item of a list; throws Error 400
/// for an unknown modifier.
class FieldSelection {
 public:
  explicit FieldSelection(std::string_view fields);
  ~FieldSelection();
  FieldSelection(FieldSelection&&) noexcept;
  bool keeps_all() const;
  void apply(Json& value) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

}  // namespace minga::records
