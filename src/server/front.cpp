#include "server/front.hpp"

namespace minga::server {
namespace {

Async<Response> start_page(std::vector<Mount*> const* mounts, Request& request) {
  JsonArray apps;
  for (auto* mount : *mounts) {
    JsonObject app;
    app["url"] = mount->base() + "/";
    app["title"] = mount->site().text(request, mount->app().title_key, {});
    app["summary"] = mount->site().text(request, mount->app().summary_key, {});
    apps.push_back(std::move(app));
  }
  JsonObject model;
  model["apps"] = std::move(apps);
  if (request.format() != Format::html) co_return Response::json(model);
  co_return request.render("start.html", std::move(model));
}

}  // namespace

std::unique_ptr<App::Impl> make_front(std::vector<std::unique_ptr<Mount>> const& mounts) {
  auto all = std::make_shared<std::vector<Mount*>>();
  for (auto const& mount : mounts) all->push_back(mount.get());
  auto front = std::make_unique<App::Impl>("minga", nullptr);
  auto handler = [all](Request& request) {
    return start_page(all.get(), request);
  };
  front->routes.push_back({Method::get, "/", std::move(handler), {}, "The start page."});
  return front;
}

}  // namespace minga::server
