#include "api/records_api.hpp"

#include <minga/error.hpp>

#include "api/request_context.hpp"
#include "base/json_text.hpp"
#include "http/media_type.hpp"
#include "http/request_impl.hpp"
#include "records/values.hpp"

#include <fmt/format.h>

#include <span>

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
      mark_reads(request, context);
      JsonObject envelope;
      envelope["items"] = std::move(page.items);
      envelope["cursor"] = page.cursor ? Json(*page.cursor) : Json(nullptr);
      co_return in_envelope(request, std::move(envelope), fields);
    }
    auto response = co_await answer_page(request, context, std::move(query), fields);
    mark_reads(request, context);
    if (preference(request, "count") == "estimated") mark_preference(request, "count=exact");
    co_return response;
  }

  Async<Response> view(Request& request) const {
    auto context = co_await make_context(request);
    auto const expand = query_text(request, "expand");
    auto const fields = selection_of(request);
    if (expand.empty() && fields.keeps_all()) {
      auto found = co_await store_.view_text(context, request.param("c"), request.param("id"));
      mark_reads(request, context);
      co_return Response::json_text(std::move(found.text)).etag(found.tag);
    }
    auto record = co_await store_.view(context, request.param("c"), request.param("id"));
    mark_reads(request, context);
    if (expand.empty()) co_return stored(request, context, std::move(record), fields);
    auto const collection = std::string(request.param("c"));
    record = co_await store_.expand_record(context, collection, std::move(record), expand);
    mark_reads(request, context);
    co_return seen(request, std::move(record), fields);
  }

  Async<Response> create(Request& request) const {
    auto context = co_await make_context(request);
    auto const fields = selection_of(request);
    auto input = co_await take_input(request);
    read_form(request, input);
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
    auto input = co_await take_input(request);
    read_form(request, input);
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
  /// A form's values are texts: those of fields that hold JSON are read.
  void read_form(Request const& request, JsonObject& input) const {
    if (!http::is_form(http::media_type(request))) return;
    auto const schema = store_.schema();
    auto const* definition = schema->find(request.param("c"));
    if (definition != nullptr) records::read_json_texts(*definition, input);
  }

  Async<Response> answer_page(Request& request, records::Context& context, records::ListQuery query,
                              records::FieldSelection const& fields) const {
    auto const collection = request.param("c");
    if (fields.keeps_all()) {
      auto text = co_await store_.list_text(context, collection, std::move(query));
      co_return Response::json_text(std::move(text));
    }
    auto page = co_await store_.list(context, collection, std::move(query));
    co_return in_envelope(request, std::move(page).envelope(), fields);
  }

  bool hides_fields(Request const& request) const {
    auto const schema = store_.schema();
    auto const* definition = schema->find(request.param("c"));
    return definition != nullptr && definition->hides_fields();
  }

  /// Takes out of records what the caller may not see.
  void hide_from_guests(Request const& request, std::span<Json> records) const {
    auto const schema = store_.schema();
    auto const* definition = schema->find(request.param("c"));
    if (definition == nullptr) return;
    for (auto& record : records) records::hide_fields(*definition, record.as_object());
  }

  Response in_envelope(Request& request, JsonObject envelope,
                       records::FieldSelection const& fields) const {
    auto& items = envelope["items"].as_array();
    hide_from_guests(request, {items.data(), items.size()});
    if (!fields.keeps_all()) fields.apply(envelope["items"]);
    return Response::json(envelope);
  }

  /// A record as the caller may see it.
  Response seen(Request const& request, Json record, records::FieldSelection const& fields) const {
    hide_from_guests(request, {&record, 1});
    fields.apply(record);
    return Response::json(record);
  }

  /// A record with its tag; the text of one that is sent as it is stored is made once for both.
  Response stored(Request const& request, records::Context& context, JsonObject record,
                  records::FieldSelection const& fields) const {
    if (!fields.keeps_all() || hides_fields(request)) {
      auto const tag = records::etag(record);
      return seen(request, std::move(record), fields).etag(tag);
    }
    auto text = context.record_text.empty() ? json_text(record) : std::move(context.record_text);
    auto const tag = records::etag_of(text);
    return Response::json_text(std::move(text)).etag(tag);
  }

  Async<Response> written(Request& request, records::Context& context, JsonObject record,
                          records::FieldSelection const& fields) const {
    auto const expand = query_text(request, "expand");
    if (expand.empty()) co_return stored(request, context, std::move(record), fields);
    auto const tag = records::etag(record);
    auto const collection = std::string(request.param("c"));
    record = co_await store_.expand_record(context, collection, std::move(record), expand);
    co_return seen(request, std::move(record), fields).etag(tag);
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
