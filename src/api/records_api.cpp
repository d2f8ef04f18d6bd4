#include "api/records_api.hpp"

#include <minga/error.hpp>

#include "api/request_context.hpp"
#include "base/json_text.hpp"
#include "http/request_impl.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::api {
namespace {

constexpr std::string_view kPath = "/api/collections/<c>/records";
constexpr std::string_view kRecordPath = "/api/collections/<c>/records/<id>";

std::string query_text(Request const& request, std::string_view name) {
  return std::string(request.query(name).value_or(""));
}

records::ListQuery list_query(Request const& request) {
  records::ListQuery query;
  query.filter = query_text(request, "filter");
  query.sort = query_text(request, "sort");
  query.expand = query_text(request, "expand");
  query.page = whole_number(request, "page", 1);
  query.per_page = whole_number(request, "perPage", 30);
  query.skip_total = truth(request, "skipTotal") || preference(request, "count") == "none";
  if (request.query("limit")) query.limit = whole_number(request, "limit", 30);
  if (auto const cursor = request.query("cursor")) query.cursor = *cursor;
  return query;
}

/// As the caller may see it, without the fields that are hidden.
void hide_from_guests(records::Store& store, std::string_view collection, Json& records) {
  auto const schema = store.schema();
  auto const* definition = schema->find(collection);
  if (definition == nullptr) return;
  if (auto* list = records.if_array()) {
    for (auto& record : *list) records::hide_fields(*definition, record.as_object());
  } else {
    records::hide_fields(*definition, records.as_object());
  }
}

Response answer(records::Store& store, std::string_view collection, Json value,
                records::FieldSelection const& fields, int status = 200) {
  hide_from_guests(store, collection, value);
  fields.apply(value);
  return Response::json(value, status);
}

/// What `fields` asks for, read before anything is done: a wrong one is refused, nothing written.
records::FieldSelection selection_of(Request const& request) {
  return records::FieldSelection(query_text(request, "fields"));
}

/// Handlers are coroutines that outlive no request: the store outlives them all.
class RecordsApi {
 public:
  explicit RecordsApi(records::Store& store) : store_(store) {}

  Async<Response> list(Request& request) const {
    auto context = co_await make_context(request);
    auto query = list_query(request);
    auto const fields = selection_of(request);
    if (query.limit || query.cursor) {
      auto page = co_await store_.list_by_cursor(context, request.param("c"), std::move(query));
      JsonObject envelope;
      envelope["items"] = std::move(page.items);
      envelope["cursor"] = page.cursor ? Json(*page.cursor) : Json(nullptr);
      co_return in_envelope(request, std::move(envelope), fields);
    }
    auto page = co_await store_.list(context, request.param("c"), std::move(query));
    auto response = in_envelope(request, std::move(page).envelope(), fields);
    if (preference(request, "count") == "estimated")
      response.header("Preference-Applied", "count=exact");
    co_return response;
  }

  Async<Response> view(Request& request) const {
    auto context = co_await make_context(request);
    auto const expand = query_text(request, "expand");
    auto const fields = selection_of(request);
    auto record = co_await store_.view(context, request.param("c"), request.param("id"));
    auto const tag = records::etag(record);
    auto const collection = std::string(request.param("c"));
    if (!expand.empty())
      record = co_await store_.expand_record(context, collection, std::move(record), expand);
    auto response = answer(store_, collection, std::move(record), fields);
    if (expand.empty()) response.etag(tag);
    co_return response;
  }

  Async<Response> create(Request& request) const {
    auto context = co_await make_context(request);
    auto const fields = selection_of(request);
    auto input = co_await request.input();
    context.deadline = request.deadline();  // the body may have taken its time
    auto record = co_await store_.create(context, request.param("c"), std::move(input));
    mark_answer(request, context);
    if (preference(request, "return") == "minimal") {
      auto const id = std::string(record.at("id").as_string());
      co_return Response::empty(201).header("Location", fmt::format("{}/{}", request.path(), id));
    }
    co_return co_await written(request, context, std::move(record), fields);
  }

  Async<Response> update(Request& request) const {
    auto context = co_await make_context(request);
    auto const fields = selection_of(request);
    auto input = co_await request.input();
    context.deadline = request.deadline();  // the body may have taken its time
    auto record =
        co_await store_.update(context, request.param("c"), request.param("id"), std::move(input));
    mark_answer(request, context);
    if (preference(request, "return") == "minimal") co_return Response::empty(204);
    co_return co_await written(request, context, std::move(record), fields);
  }

  Async<Response> remove(Request& request) const {
    auto context = co_await make_context(request);
    co_await store_.remove(context, request.param("c"), request.param("id"));
    mark_answer(request, context);
    co_return Response::empty(204);
  }

 private:
  Response in_envelope(Request& request, JsonObject envelope,
                       records::FieldSelection const& fields) const {
    hide_from_guests(store_, request.param("c"), envelope["items"]);
    if (!fields.keeps_all()) fields.apply(envelope["items"]);
    return Response::json(envelope);
  }

  Async<Response> written(Request& request, records::Context& context, JsonObject record,
                          records::FieldSelection const& fields) const {
    auto const tag = records::etag(record);
    auto const expand = query_text(request, "expand");
    auto const collection = std::string(request.param("c"));
    if (!expand.empty())
      record = co_await store_.expand_record(context, collection, std::move(record), expand);
    co_return answer(store_, collection, std::move(record), fields).etag(tag);
  }

  records::Store& store_;
};

}  // namespace

void mount_records(http::Router& router, records::Store& store) {
  auto const api = std::make_shared<RecordsApi>(store);
  router.add(
      Method::get, kPath, [api](Request& request) { return api->list(request); }, "Lists records.");
  router.add(
      Method::post, kPath, [api](Request& request) { return api->create(request); },
      "Creates a record.");
  router.add(
      Method::get, kRecordPath, [api](Request& request) { return api->view(request); },
      "Gives one record.");
  router.add(
      Method::patch, kRecordPath, [api](Request& request) { return api->update(request); },
      "Changes fields of a record.");
  router.add(
      Method::delete_, kRecordPath, [api](Request& request) { return api->remove(request); },
      "Deletes a record.");
}

}  // namespace minga::api
