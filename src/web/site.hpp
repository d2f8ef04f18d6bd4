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
  /// Of the application, [A-Za-z0-9_-]+: it names the site's cookies.
  std::string name;
  /// The mount's prefix, "" at the root, else such as "/tasks".
  std::string base;
  /// Where the client names none.
  Language language = Language::es;
  /// Signs CSRF tokens and notices; at least 16 bytes.
  std::string secret;
  /// The prefix of the whole program: the API is below it, and a link to the start page where there
  /// is one.
  std::string root = {};
  /// False where the application is the whole site: its pages show no link to a start page.
  bool has_start_page = false;
};

/// What an application's pages need: templates within a layout, the texts of each language, forms
/// with CSRF tokens, notices, hashed assets, the security headers of pages.
///
/// Files: `pages/*.html`, `messages/es.toml`, `messages/en.toml`, `assets/*`. The application's own
/// win over the platform's of the same name, message by message. All templates are parsed, in each
/// language, when the site is made; afterwards it is read only, so that any thread may render.
///
/// Templates are mustache, escaped by default. `{{>card}}` is pages/card.html; `{{#t}}key{{/t}}` is
/// a message, in which `{name}` stands for the model's `name`; `{{#asset}}live.js{{/asset}}` is an
/// asset's URL; `{{{csrf}}}` is the field that a form must carry; `{{>version}}` is one that keeps
/// its person from replacing what somebody else saved meanwhile, where the model's
/// `values._version` is the record's entity tag. Every page has a message
/// `title.<page>`. In a section "", {}, [] and null count as false, 0 does not. Every model also
/// has: `base`, `root`, `language`, `app`, `url`, `page.<page>`, `params`, `languages`, `notices`;
/// a model cannot replace them.
///
/// The platform has three pages of its own: `layout`, `error`, and `start`, which shows `apps`
/// [{url, title, summary}].
class Site : public Pages {
 public:
  /// Throws std::invalid_argument that names the file when a template or a message file cannot be
  /// read, a page uses a message, partial or asset that there is not, or the languages do not have
  /// the same messages.
  Site(SiteSettings settings, Embedded const& files);
  ~Site() override;

  Response render(Request& request, std::string_view page, JsonObject model) override;
  std::string text(Request const& request, std::string_view key, JsonObject const& values) override;

  /// Before the handler: the request's pages are this site's, and its language is what the person
  /// chose (`?lang=`, or the cookie of an earlier choice), if she did.
  void enter(Request& request);

  /// Status and message as a page for HTML, as JSON or a line of text otherwise. A 404 is, as JSON,
  /// `{"status":404,"message":"Not Found: <url>"}`. `data` of other errors keeps its codes; its
  /// messages and the envelope's are in the request's language.
  Response error_page(Request& request, Error const& error);
  /// For a form that was refused: `page` again, with the error's status, `values` (what was sent),
  /// `errors` (field -> message in the page's language), `problems` ([{field, message}], for a
  /// summary) and `params` in its model. 412: `conflict` is true and `values._version` that of the
  /// record as it is now.
  Response form_again(Request& request, std::string_view page, Error const& error);

  /// A state-changing request whose body is a form must carry the token of this browser's page, in
  /// field `_csrf` or header X-CSRF-Token; else Error 403, code "csrf". JSON bodies and requests
  /// with a bearer token need none: a foreign page cannot send them with this browser's cookies.
  /// This says whether a request is such a one,
  bool needs_token(Request const& request) const;
  /// and this checks one that is. Field `_version` is the entity tag of what the form was filled
  /// from: the If-Match of its request. Both fields are taken out of Request::input().
  Async<void> check_token(Request& request);
  /// Turns Response::notice() into its signed cookie, keeps a choice of language, and adds what
  /// every page carries.
  void finish(Request& request, Response& response);

  /// `<name>.<hash>.<ext>`, with or without "/assets/" before it; immutable. Error 404.
  Response asset(Request& request, std::string_view path);
  /// The URL of an asset, with base and content hash; std::invalid_argument when there is none of
  /// that name.
  std::string asset_url(std::string_view name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minga::web
