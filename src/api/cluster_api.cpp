#include "api/cluster_api.hpp"

#include <minga/request.hpp>
#include <minga/response.hpp>

#include <utility>

namespace minga::api {
namespace {

using Ask = std::function<Async<JsonObject>(Deadline)>;

Async<Response> show_status(Ask const& ask, Request& request) {
  auto status = co_await ask(request.deadline());
  auto response = Response::json(status);
  response.header("Cache-Control", "no-store");
  co_return response;
}

}  // namespace

void mount_cluster(http::Router& router, Ask ask) {
  auto handler = [ask = std::move(ask)](Request& request) {
    return show_status(ask, request);
  };
  router.add(Method::get, "/api/cluster/status", std::move(handler),
             "The servers that hold the database, and the nodes that serve it.");
}

}  // namespace minga::api
