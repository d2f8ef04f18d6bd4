#pragma once

#include <minga/request.hpp>
#include <minga/response.hpp>

#include "http/router.hpp"
#include "server/application.hpp"
#include "web/site.hpp"

#include <memory>
#include <string>
#include <vector>

namespace minga::server {

/// An application at its place in the site: its prefix, its routes, its pages.
class Mount {
 public:
  /// Throws std::invalid_argument for a route that is declared twice or malformed.
  Mount(App::Impl const& app, web::SiteSettings settings);

  App::Impl const& app() const { return app_; }
  std::string const& base() const { return base_; }
  /// Whether a route of the application has that path, which is else the platform's, with whatever
  /// method.
  bool takes(std::string_view platform_path) const;
  http::Router const& router() const { return router_; }
  web::Site& site() { return *site_; }
  /// An asset, or with the methods that the path allows the page that says so. Throws Error 404.
  Response answer_without_route(Request& request, std::vector<Method> const& allowed);

 private:
  App::Impl const& app_;
  std::string base_;
  std::unique_ptr<web::Site> site_;
  http::Router router_;
  bool takes_platform_paths_ = false;  // some route may
};

/// The one handler of the HTTP server: finds who answers (an application by its prefix, then the
/// platform's own routes), and turns Errors into JSON or pages.
class Dispatcher {
 public:
  /// `front` answers what no application does: the start page and its assets; null with one
  /// application at the root.
  Dispatcher(std::vector<std::unique_ptr<Mount>> mounts, std::unique_ptr<Mount> front);

  Async<Response> operator()(Request& request);

  std::vector<std::unique_ptr<Mount>> const& mounts() const { return mounts_; }
  /// The applications' routes with their prefixes, for the API's description.
  std::vector<http::RouteInfo> app_routes() const;
  /// The platform's own routes are added to it before the first request.
  http::Router& platform() { return platform_; }

 private:
  Mount* mount_for(Request& request) const;
  Async<Response> answer_platform(Request& request);
  Async<Response> answer_page(Request& request, Mount& mount);

  std::vector<std::unique_ptr<Mount>> mounts_;
  http::Router platform_;
  std::unique_ptr<Mount> front_;
};

}  // namespace minga::server
