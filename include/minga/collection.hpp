#pragma once

#include <minga/async.hpp>
#include <minga/field.hpp>
#include <minga/json.hpp>
#include <minga/page.hpp>
#include <minga/request.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace minga {

/// What a list asks for. Views only: the texts must outlive the call. It stays trivially
/// destructible, so that `co_await tasks.list(request, {.sort = "-created"})` is safe with GCC 12,
/// which destroys braced temporaries of a co_await expression twice.
struct ListOptions {
  std::string_view filter = {};
  std::string_view sort = {};
  std::string_view expand = {};
  /// From 1; below 1 counts as 1.
  std::int64_t page = 1;
  /// 1..1,000; below 1 counts as 30, more is clamped.
  std::int64_t per_page = 30;
  /// Leaves total_items and total_pages -1 and saves the count.
  bool skip_total = false;

  /// `page`, `perPage`, `sort`, `filter`, `expand`, `skipTotal` of the request's query; Error 400
  /// when malformed.
  static ListOptions from(Request const& request);
};
static_assert(std::is_trivially_destructible_v<ListOptions>);

/// What a collection is besides its fields. `public_access`: every rule is "" (anyone may list,
/// view, create, update, delete through the API); otherwise every rule is null (superusers only).
struct CollectionOptions {
  bool open = false;
  bool public_access = false;
  /// In a replica set standbys may answer list() and view() in GET and HEAD requests, and the API's
  /// reads: they may show what was true some seconds ago (`replica-lag`), also to a person who has
  /// just changed it. A request with `Prefer: read=primary` is the primary's; one with a
  /// `Minga-Position` sees at least that.
  bool replica_reads = false;
  /// CREATE [UNIQUE] INDEX texts (API.md section 2).
  std::vector<std::string> indexes = {};
};

/// A typed set of records in the database; a handle, cheap to copy, usable once the server runs.
/// What an application does through it is done with the application's own authority: rules guard
/// the HTTP API, validation guards both. Every call uses the request's deadline (Error 503 past it)
/// and its Idempotency-Key, appends to the change log in the write's own transaction, and returns
/// when the write is durable.
class Collection {
 public:
  class Impl;
  explicit Collection(std::shared_ptr<Impl> impl);

  std::string const& name() const;

  Async<Page> list(Request& request, ListOptions options = {}) const;
  /// The page as the API's list envelope: what Response::json(page.envelope()) of list()'s page
  /// sends, at less cost, as its text is made straight from what is stored. Errors as list().
  Async<Response> list_json(Request& request, ListOptions options = {}) const;
  /// Error 404 when there is none.
  Async<JsonObject> view(Request& request, std::string_view id) const;
  /// The record as stored. Error 400 with one entry in data() for each field that is wrong.
  Async<JsonObject> create(Request& request, JsonObject input) const;
  /// Only the keys of `changes` change. Error 404, 400; 412 when the request has an If-Match that
  /// does not match.
  Async<JsonObject> update(Request& request, std::string_view id, JsonObject changes) const;
  /// The whole document: fields that are not in `input` go back to their zero value. Errors as
  /// update().
  Async<JsonObject> replace(Request& request, std::string_view id, JsonObject input) const;
  /// JSON Merge Patch (RFC 7396) over the whole document. Errors as update().
  Async<JsonObject> merge(Request& request, std::string_view id, JsonObject patch) const;
  /// Error 404, 412.
  Async<void> remove(Request& request, std::string_view id) const;

  /// NDJSON from the request's body, of any size, read as it comes; MongoDB's Extended JSON is
  /// understood. A line that is refused is reported and loses nothing else.
  Async<ImportReport> import(Request& request) const;
  /// All records that match, as NDJSON, streamed in the order of ids.
  Response export_all(Request& request, std::string_view filter = {}) const;

  /// The strong entity tag of a record as view(), create() and update() return it.
  static std::string etag(JsonObject const& record);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace minga
