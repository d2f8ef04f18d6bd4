#include "server/dispatch.hpp"

#include "base/logging.hpp"
#include "http/head.hpp"
#include "http/request_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <variant>

namespace minga::server {
namespace {

bool changes_state(Method method) {
  return method != Method::get && method != Method::head && method != Method::options;
}

/// The handler's answer, or the Error it ended with: an Error is handled outside the catch block,
/// where one may await.
Async<std::variant<Response, Error>> outcome_of(Handler const& handler, Request& request) {
  try {
    co_return co_await handler(request);
  } catch (Error const& error) {
    co_return error;
  }
}

/// One route of an application: the CSRF check before it, the form again where its input was
/// refused or somebody else was faster.
Async<Response> serve_route(Route::Impl const* route, web::Site* site, Request& request) {
  if (changes_state(route->method)) co_await site->check_form(request);
  auto outcome = co_await outcome_of(route->handler, request);
  if (auto* response = std::get_if<Response>(&outcome)) co_return std::move(*response);
  auto const& error = std::get<Error>(outcome);
  auto const is_refusal = error.status() == 400 || error.status() == 412;
  auto const is_form = !route->form_page.empty() && request.format() == Format::html;
  if (is_refusal && is_form) co_return site->form_again(request, route->form_page, error);
  throw error;
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
  auto const method = request.method() == Method::head ? Method::get : request.method();
  auto match = platform_.find(method, request.impl().raw_path);
  if (match.handler == nullptr) {
    auto const error = match.allowed.empty() ? Error::not_found() : method_error(request);
    auto response = http::error_response(error, request.id());
    if (!match.allowed.empty()) response.header("Allow", allow_header(match.allowed));
    co_return response;
  }
  request.impl().params = std::move(match.params);
  std::optional<Error> expected;
  try {
    co_return co_await (*match.handler)(request);
  } catch (Error const& error) {
    expected = error;
  }
  co_return http::error_response(*expected, request.id());
}

Async<Response> Dispatcher::answer_app(Request& request, Mount& mount) {
  auto& impl = request.impl();
  auto const method = request.method() == Method::head ? Method::get : request.method();
  auto match = mount.router().find(method, impl.raw_path);
  if (match.handler != nullptr) {
    impl.params = std::move(match.params);
    co_return co_await (*match.handler)(request);
  }
  if (!match.allowed.empty()) {
    auto response = mount.site().error_page(request, method_error(request));
    response.header("Allow", allow_header(match.allowed));
    co_return response;
  }
  if (method == Method::get && impl.path.starts_with("/assets/")) {
    co_return mount.site().asset(request, impl.path);
  }
  throw Error::not_found();
}

Async<Response> Dispatcher::operator()(Request& request) {
  auto* mount = mount_for(request);
  auto& impl = request.impl();
  auto const taken =
      impl.base.empty() && is_platform_path(impl.path) && !mount->takes(impl.raw_path);
  auto answering = taken ? answer_platform(request) : answer_page(request, *mount);
  auto response = co_await std::move(answering);
  for (auto const& [name, value] : impl.answer_headers) response.header(name, value);
  co_return response;
}

/// An application's answer, its errors as pages or JSON, with what every page carries.
Async<Response> Dispatcher::answer_page(Request& request, Mount& mount) {
  mount.site().enter(request);
  Handler const inside = [this, &mount](Request& inner) {
    return answer_app(inner, mount);
  };
  auto outcome = co_await outcome_of(inside, request);
  auto response = std::holds_alternative<Response>(outcome)
                      ? std::get<Response>(std::move(outcome))
                      : mount.site().error_page(request, std::get<Error>(outcome));
  mount.site().finish(request, response);
  co_return response;
}

}  // namespace minga::server
