#pragma once

#include <minga/embedded.hpp>
#include <minga/request.hpp>
#include <minga/response.hpp>

#include "http/request_impl.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace minga::web {

struct SiteSettings {
  std::string name;                  // of the application: its page titles, cookies' path
  std::string base;                  // the mount's prefix, "" at the root
  Language language = Language::es;  // where the client names none
  std::string secret;                // signs CSRF tokens and notices
};

/// What an application's pages need: templates (mustache, escaped by default) within a layout, the
/// texts of each language, forms with CSRF tokens, notices, hashed assets, the security headers of
/// pages.
class Site : public Pages {
 public:
  /// Throws std::invalid_argument that names the file when a template or a message file cannot be
  /// read.
  Site(SiteSettings settings, Embedded const& files);
  ~Site() override;

  Response render(Request& request, std::string_view page, JsonObject model) override;
  std::string text(Request const& request, std::string_view key, JsonObject const& values) override;

  /// Status and message as a page for HTML, as JSON otherwise.
  Response error_page(Request& request, Error const& error);
  /// For a form that was refused: `page` again, status 400, with `values`, `errors` (field ->
  /// message in the page's language) and `params` in its model.
  Response form_again(Request& request, std::string_view page, Error const& error);

  /// A state-changing request whose body is a form must carry the token of this browser's page, in
  /// field `_csrf` or header X-CSRF-Token; else Error 403. JSON bodies and requests with a bearer
  /// token need none: a foreign page cannot send them with this browser's cookies.
  Async<void> check_csrf(Request& request);
  /// Turns Response::notice() into its signed cookie and adds what every page carries.
  void finish(Request& request, Response& response);

  /// `/assets/<name>.<hash>.<ext>`; immutable. Error 404.
  Response asset(Request& request, std::string_view path);
  /// The URL of an asset, with base and content hash.
  std::string asset_url(std::string_view name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minga::web
