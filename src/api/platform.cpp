#include "api/platform.hpp"

#include <minga/error.hpp>

#include "api/openapi.hpp"
#include "api/records_api.hpp"
#include "sql/error.hpp"

namespace minga::api {
namespace {

JsonObject health(std::int64_t code, std::string_view message) {
  JsonObject answer;
  answer["code"] = code;
  answer["message"] = message;
  answer["data"] = JsonObject{};
  return answer;
}

Async<Response> healthy(Request&) {
  co_return Response::json(health(200, "API is healthy."));
}

Async<bool> can_write(records::Store& store, Deadline deadline) {
  try {
    co_await store.database().check_writable(deadline);
  } catch (sql::Error const&) {
    co_return false;
  }
  co_return true;
}

Async<Response> ready(records::Store& store, bool draining, Request& request) {
  auto const writable = co_await can_write(store, request.deadline());
  if (writable && !draining) co_return Response::json(health(200, "API is ready."));
  auto response = Response::json(
      health(503, draining ? "The server is stopping." : "The database cannot be written."), 503);
  response.header("Retry-After", "1");
  co_return response;
}

Async<Response> metrics_text(Metrics& metrics, Request&) {
  auto response = Response::text(metrics.text());
  response.header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  co_return response;
}

}  // namespace

void mount_platform(http::Router& router, records::Store& store, live::Hub& hub, Metrics& metrics,
                    std::function<bool()> draining,
                    std::function<std::vector<http::RouteInfo>()> app_routes) {
  mount_records(router, store);
  router.add(Method::get, "/api/health", healthy, "Says that the process lives.");
  auto is_ready = [&store, draining](Request& request) {
    return ready(store, draining(), request);
  };
  router.add(Method::get, "/api/ready", is_ready, "Says whether the server can take writes.");
  router.add(
      Method::get, "/metrics",
      [&metrics](Request& request) { return metrics_text(metrics, request); },
      "Metrics as Prometheus text.");
  router.add(
      Method::get, "/api/events", [&hub](Request& request) { return hub.events(request); },
      "Changes of records as an event stream.");
  mount_openapi(router, store, std::move(app_routes));
}

}  // namespace minga::api
