#include "server/dispatch.hpp"

#include "base/logging.hpp"
#include "http/head.hpp"
#include "http/request_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>

namespace minga::server {
namespace {

/// Whether an Error of that route is shown in its form, filled in as it was sent.
bool is_for_form(Route::Impl const& route, Request const& request, Error const& error) {
  auto const is_refusal = error.status() == 400 || error.status() == 412;
  return is_refusal && !route.form_page.empty() && request.format() == Format::html;
}

/// One route of an application: the CSRF check before it, the form again where its input was
/// refused or somebody else was faster.
Async<Response> serve_route(Route::Impl const* route, web::Site* site, Request& request) {
  if (site->needs_token(request)) co_await site->check_token(request);
  try {
    co_return co_await route->handler(request);
  } catch (Error const& error) {
    if (!is_for_form(*route, request, error)) throw;
    co_return site->form_again(request, route->form_page, error);
  }
}

std::string allow_header(std::vector<Method> const& methods) {
  static std::vector<std::pair<Method, std::string_view>> const names{
      {Method::get, "GET, HEAD"}, {Method::post, "POST"},      {Method::put, "PUT"},
      {Method::patch, "PATCH"},   {Method::delete_, "DELETE"}, {Method::options, "OPTIONS"}};
  std::string text;
  for (auto const& [method, name] : names) {
    if (std::find(methods.begin(), methods.end(), method) == methods.end()) continue;
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

Error method_error(Request const& request) {
  return Error(405, "method_not_allowed",
               fmt::format("{} is not a method of this resource.", request.method_name()));
}

/// The first segment of a path, with its slash: "/tasks" of "/tasks/add".
std::string_view first_segment(std::string_view path) {
  return path.substr(0, path.find('/', 1));
}

void enter(Request& request, std::string_view base) {
  auto& impl = request.impl();
  impl.base = base;
  for (auto* path : {&impl.path, &impl.raw_path}) {
    path->erase(0, std::min(base.size(), path->size()));
    if (path->empty()) *path = "/";
  }
}

/// The method whose route answers: HEAD is answered as GET is.
Method looked_up(Method method) {
  return method == Method::head ? Method::get : method;
}

void add_answer_headers(Request const& request, Response& response) {
  for (auto const& [name, value] : request.impl().answer_headers) response.header(name, value);
}

/// A path that applications leave to the platform: its errors are the API's, in English.
bool is_platform_path(std::string_view path) {
  return path == "/metrics" || path == "/api" || path.starts_with("/api/");
}

}  // namespace

Mount::Mount(App::Impl const& app, web::SiteSettings settings)
    : app_(app),
      base_(settings.base),
      site_(std::make_unique<web::Site>(std::move(settings), app.files)) {
  for (auto const& route : app.routes) {
    auto serve = [route = &route, site = site_.get()](Request& request) {
      return serve_route(route, site, request);
    };
    router_.add(route.method, route.path, std::move(serve), route.summary);
    takes_platform_paths_ |= route.path.starts_with("/<") || is_platform_path(route.path);
  }
}

bool Mount::takes(std::string_view platform_path) const {
  if (!takes_platform_paths_) return false;
  auto const match = router_.find(Method::get, platform_path);
  return match.handler != nullptr || !match.allowed.empty();
}

Response Mount::answer_without_route(Request& request, std::vector<Method> const& allowed) {
  if (!allowed.empty()) {
    auto response = site_->error_page(request, method_error(request));
    response.header("Allow", allow_header(allowed));
    return response;
  }
  auto const& path = request.impl().path;
  if (looked_up(request.method()) == Method::get && path.starts_with("/assets/"))
    return site_->asset(request, path);
  throw Error::not_found();
}

Dispatcher::Dispatcher(std::vector<std::unique_ptr<Mount>> mounts, std::unique_ptr<Mount> front)
    : mounts_(std::move(mounts)), front_(std::move(front)) {}

std::vector<http::RouteInfo> Dispatcher::app_routes() const {
  std::vector<http::RouteInfo> routes;
  for (auto const& mount : mounts_) {
    for (auto route : mount->router().routes()) {
      route.path = mount->base() + route.path;
      routes.push_back(std::move(route));
    }
  }
  return routes;
}

Mount* Dispatcher::mount_for(Request& request) const {
  auto const segment = first_segment(request.impl().raw_path);
  for (auto const& mount : mounts_) {
    if (mount->base().empty()) return mount.get();
    if (mount->base() == segment) {
      enter(request, mount->base());
      return mount.get();
    }
  }
  return front_.get();
}

Async<Response> Dispatcher::answer_platform(Request& request) {
  auto match = platform_.find(looked_up(request.method()), request.impl().raw_path);
  std::optional<Response> response;
  if (match.handler == nullptr) {
    auto const error = match.allowed.empty() ? Error::not_found() : method_error(request);
    response = http::error_response(error, request.id());
    if (!match.allowed.empty()) response->header("Allow", allow_header(match.allowed));
  } else {
    request.impl().params = std::move(match.params);
    try {
      response = co_await (*match.handler)(request);
    } catch (Error const& error) {
      response = http::error_response(error, request.id());
    }
  }
  add_answer_headers(request, *response);
  co_return std::move(*response);
}

/// An application's answer, its errors as pages or JSON, with what every page carries.
Async<Response> Dispatcher::answer_page(Request& request, Mount& mount) {
  auto& site = mount.site();
  site.enter(request);
  std::optional<Response> response;
  try {
    auto match = mount.router().find(looked_up(request.method()), request.impl().raw_path);
    if (match.handler == nullptr) {
      response = mount.answer_without_route(request, match.allowed);
    } else {
      request.impl().params = std::move(match.params);
      response = co_await (*match.handler)(request);
    }
  } catch (Error const& error) {
    response = site.error_page(request, error);
  }
  site.finish(request, *response);
  add_answer_headers(request, *response);
  co_return std::move(*response);
}

Async<Response> Dispatcher::operator()(Request& request) {
  auto* mount = mount_for(request);
  auto const& impl = request.impl();
  auto const is_platforms =
      impl.base.empty() && is_platform_path(impl.path) && !mount->takes(impl.raw_path);
  return is_platforms ? answer_platform(request) : answer_page(request, *mount);
}

}  // namespace minga::server
