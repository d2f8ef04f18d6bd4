// The handles of include/minga/collection.hpp and counter.hpp over the store of the running server.
#include <minga/collection.hpp>
#include <minga/counter.hpp>

#include "api/request_context.hpp"
#include "http/request_impl.hpp"
#include "records/import.hpp"
#include "server/application.hpp"

#include <fmt/format.h>

namespace minga {
namespace {

Async<records::Context> application_context(Request& request) {
  return api::make_context(request, api::Rules::bypassed);
}

records::ListQuery query_of(ListOptions const& options) {
  records::ListQuery query;
  query.filter = options.filter;
  query.sort = options.sort;
  query.expand = options.expand;
  query.page = options.page;
  query.per_page = options.per_page;
  query.skip_total = options.skip_total;
  return query;
}

constexpr std::int64_t kExportPage = 500;
constexpr std::size_t kImportChunk = 64 * 1024;

Async<void> write_all(records::Store& store, std::string collection, std::string filter,
                      BodyWriter& writer) {
  std::string after;
  while (!writer.stopping()) {
    records::Context context;
    context.bypasses_rules = true;
    auto records = co_await store.scan(context, collection, filter, after, kExportPage);
    if (!records.empty()) after = records.back().at("id").as_string();
    std::string lines;
    for (auto& record : records) lines += records::export_line(std::move(record));
    if (!lines.empty()) co_await writer.write(lines);
    if (records.size() < static_cast<std::size_t>(kExportPage)) co_return;
  }
}

}  // namespace

ListOptions ListOptions::from(Request const& request) {
  ListOptions options;
  options.filter = request.query("filter").value_or("");
  options.sort = request.query("sort").value_or("");
  options.expand = request.query("expand").value_or("");
  options.page = api::whole_number(request, "page", 1);
  options.per_page = api::whole_number(request, "perPage", 30);
  options.skip_total = api::truth(request, "skipTotal");
  return options;
}

Collection::Collection(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::string const& Collection::name() const {
  return impl_->name();
}

Async<Page> Collection::list(Request& request, ListOptions options) const {
  auto context = co_await application_context(request);
  auto page = co_await impl_->store().list(context, name(), query_of(options));
  api::mark_reads(request, context);
  co_return page;
}

Async<Response> Collection::list_json(Request& request, ListOptions options) const {
  auto context = co_await application_context(request);
  auto text = co_await impl_->store().list_text(context, name(), query_of(options));
  api::mark_reads(request, context);
  co_return Response::json_text(std::move(text));
}

Async<JsonObject> Collection::view(Request& request, std::string_view id) const {
  auto context = co_await application_context(request);
  auto record = co_await impl_->store().view(context, name(), id);
  api::mark_reads(request, context);
  co_return record;
}

Async<JsonObject> Collection::create(Request& request, JsonObject input) const {
  auto context = co_await application_context(request);
  auto record = co_await impl_->store().create(context, name(), std::move(input));
  api::mark_answer(request, context);
  co_return record;
}

Async<JsonObject> Collection::update(Request& request, std::string_view id,
                                     JsonObject changes) const {
  auto context = co_await application_context(request);
  auto record = co_await impl_->store().update(context, name(), id, std::move(changes));
  api::mark_answer(request, context);
  co_return record;
}

Async<JsonObject> Collection::replace(Request& request, std::string_view id,
                                      JsonObject input) const {
  auto context = co_await application_context(request);
  auto record = co_await impl_->store().replace(context, name(), id, std::move(input));
  api::mark_answer(request, context);
  co_return record;
}

Async<JsonObject> Collection::merge(Request& request, std::string_view id, JsonObject patch) const {
  auto context = co_await application_context(request);
  auto record = co_await impl_->store().merge(context, name(), id, std::move(patch));
  api::mark_answer(request, context);
  co_return record;
}

Async<void> Collection::remove(Request& request, std::string_view id) const {
  auto context = co_await application_context(request);
  co_await impl_->store().remove(context, name(), id);
  api::mark_answer(request, context);
}

Async<ImportReport> Collection::import(Request& request) const {
  request.impl().streams_body = true;
  auto context = co_await application_context(request);
  // A long import is a stream: each of its transactions has the whole time of a request.
  context.deadline = kNoDeadline;
  records::Importer importer(impl_->store(), context, name());
  std::string chunk(kImportChunk, '\0');
  for (;;) {
    auto const size = co_await request.read_some(chunk);
    if (size == 0) break;
    co_await importer.feed(std::string_view(chunk).substr(0, size));
  }
  co_await importer.finish();
  api::mark_answer(request, importer.context());
  co_return importer.report();
}

Response Collection::export_all(Request& request, std::string_view filter) const {
  (void)request;
  auto write = [impl = impl_, filter = std::string(filter)](BodyWriter& writer) -> Async<void> {
    return write_all(impl->store(), impl->name(), filter, writer);
  };
  return Response::stream("application/x-ndjson", std::move(write));
}

std::string Collection::etag(JsonObject const& record) {
  return records::etag(record);
}

Counter::Counter(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Async<std::int64_t> Counter::add(Request& request, std::int64_t amount) const {
  return impl_->counters().add(impl_->name(), amount, request.deadline());
}

Async<std::int64_t> Counter::read(Request& request) const {
  return impl_->counters().read(impl_->name(), request.deadline());
}

}  // namespace minga
