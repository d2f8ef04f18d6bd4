#include "web/site.hpp"

#include "base/text.hpp"
#include "embedded/platform.hpp"
#include "http/media_type.hpp"
#include "web/assets.hpp"
#include "web/catalog.hpp"
#include "web/error_texts.hpp"
#include "web/signing.hpp"
#include "web/templates.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

namespace minga::web {
namespace {

constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src "
    "'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'";
constexpr std::string_view kLanguageCookie = "lang";
constexpr std::string_view kCsrfField = "_csrf";
constexpr std::string_view kVersionField = "_version";
constexpr std::chrono::hours kLanguageKept{24 * 365};

std::optional<Language> parse_language(std::optional<std::string_view> code) {
  for (auto language : kLanguages) {
    if (code == language_code(language)) return language;
  }
  return std::nullopt;
}

std::size_t index_of(Language language) {
  return language == Language::en ? 1 : 0;
}

/// `Bearer TOKEN` or `TOKEN`: nothing that a browser sends by itself, as it does with Basic.
bool has_token(Request const& request) {
  auto value = trim(request.header("authorization"));
  auto blank = value.find(' ');
  if (blank == std::string_view::npos) return !value.empty();
  return equals_ignoring_case(value.substr(0, blank), "bearer");
}

bool changes_state(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch ||
         method == Method::delete_;
}

/// What the form sent: its fields, or the query of one that asks by GET.
JsonObject sent_values(Request& request) {
  if (auto const& input = request.impl().parsed_input) return *input;
  JsonObject values;
  for (auto const& [name, value] : request.query_all()) values.emplace(name, value);
  return values;
}

/// A field that the platform put into the form: the handler does not see it.
std::string take_text(Request& request, std::string_view field) {
  std::string text;
  auto& input = request.impl().parsed_input;
  auto const* sent = input ? input->if_contains(field) : nullptr;
  if (sent && sent->is_string()) text = sent->as_string();
  if (sent) input->erase(field);
  return text;
}

std::string page_name(std::string_view page) {
  if (page.ends_with(".html")) page.remove_suffix(5);
  return std::string(page);
}

bool is_html(Response const& response) {
  return response.header("content-type").starts_with("text/html");
}

}  // namespace

struct Site::Impl {
  struct Page {
    Template form;
    JsonObject model;  // {"page": {name: true}}
  };
  using Pages = std::map<std::string, Page, std::less<>>;

  SiteSettings settings;
  Signer signer;
  CsrfTokens csrf{signer};
  NoticeSeal notices{signer};
  Assets assets;
  std::array<Catalog, 2> catalogs;
  std::array<Pages, 2> pages;
  JsonObject constants;

  Impl(SiteSettings given, Embedded const& files)
      : settings(std::move(given)),
        signer(settings.secret, settings.name),
        assets({&embedded::platform(), &files}) {
    for (auto language : kLanguages) load_catalog(language, files);
    check_catalogs();
    for (auto language : kLanguages) load_pages(language, files);
    constants["base"] = settings.base;
    constants["root"] = settings.root;
    constants["app"] = settings.name;
    constants["has_start_page"] = settings.has_start_page;
  }

  void load_catalog(Language language, Embedded const& files) {
    auto path = fmt::format("messages/{}.toml", language_code(language));
    for (auto const* folder : {&embedded::platform(), &files}) {
      if (auto const* file = folder->find(path)) {
        catalogs[index_of(language)].add(path, file->bytes);
      }
    }
  }

  void check_catalogs() const {
    for (std::size_t i = 0; i < catalogs.size(); ++i) {
      for (auto const& key : catalogs[i].keys()) {
        if (!catalogs[1 - i].find(key)) {
          throw std::invalid_argument(
              fmt::format("messages/{}.toml lacks \"{}\", which messages/{}.toml has",
                          language_code(kLanguages[1 - i]), key, language_code(kLanguages[i])));
        }
      }
    }
  }

  void load_pages(Language language, Embedded const& files) {
    Sources sources{{&embedded::platform(), &files},
                    &catalogs[index_of(language)],
                    &assets,
                    settings.base + "/assets/"};
    for (auto& [name, form] : load_templates(sources)) {
      JsonObject flag;
      flag[name] = true;
      JsonObject model;
      model["page"] = std::move(flag);
      pages[index_of(language)].emplace(name, Page{std::move(form), std::move(model)});
    }
  }

  Catalog const& catalog(Language language) const { return catalogs[index_of(language)]; }
  std::string path() const { return settings.base.empty() ? "/" : settings.base; }
  std::string root_path() const { return settings.root.empty() ? "/" : settings.root; }
  std::string csrf_cookie() const { return "csrf_" + settings.name; }
  std::string notice_cookie() const { return "notice_" + settings.name; }

  Cookie cookie(Request const& request, std::string name, std::string value) const {
    Cookie cookie;
    cookie.name = std::move(name);
    cookie.value = std::move(value);
    cookie.path = path();
    cookie.secure = request.is_secure();
    return cookie;
  }

  /// The links by which a person chooses a language: this very address with `lang`.
  JsonArray languages(Request const& request, Language current) const {
    auto target = request.target();
    std::string rest;
    for (auto const& [name, value] : request.query_all()) {
      if (name != "lang")
        rest += fmt::format("&{}={}", percent_encode(name), percent_encode(value));
    }
    JsonArray links;
    for (auto language : kLanguages) {
      auto code = language_code(language);
      JsonObject link;
      link["code"] = code;
      link["name"] = catalog(current).text(fmt::format("languages.{}", code), {});
      link["current"] = language == current;
      link["url"] = fmt::format("{}?lang={}{}", target.substr(0, target.find('?')), code, rest);
      links.push_back(std::move(link));
    }
    return links;
  }

  ErrorTexts errors(Request const& request) const {
    return ErrorTexts(catalog(request.language()));
  }
};

Site::Site(SiteSettings settings, Embedded const& files)
    : impl_(std::make_unique<Impl>(std::move(settings), files)) {}
Site::~Site() = default;

void Site::enter(Request& request) {
  auto& impl = request.impl();
  impl.pages = this;
  auto asked = parse_language(request.query("lang"));
  impl.chosen_language = asked ? asked : parse_language(request.cookie(kLanguageCookie));
}

Response Site::render(Request& request, std::string_view page, JsonObject model) {
  auto language = request.language();
  auto const& pages = impl_->pages[index_of(language)];
  auto found = pages.find(page_name(page));
  if (found == pages.end()) {
    throw std::logic_error(fmt::format("{}: there is no page {}", impl_->settings.name, page));
  }
  auto const& [form, page_model] = found->second;

  JsonObject own;
  own["language"] = language_code(language);
  own["url"] = request.target();
  own["languages"] = impl_->languages(request, language);
  JsonObject params;
  for (auto const& [name, value] : request.impl().params) params[name] = value;
  own["params"] = std::move(params);

  std::vector<Cookie> cookies;
  if (auto sealed = request.cookie(impl_->notice_cookie())) {
    if (auto notice = impl_->notices.open(*sealed, std::chrono::system_clock::now())) {
      own["notices"] = JsonArray{Json(*notice)};
    }
    cookies.push_back(impl_->cookie(request, impl_->notice_cookie(), ""));
    cookies.back().max_age = std::chrono::seconds{0};
  }
  if (form.uses_csrf()) {
    auto kept = request.cookie(impl_->csrf_cookie());
    std::string secret(kept.value_or(""));
    if (!impl_->csrf.is_valid_cookie(secret)) {
      secret = impl_->csrf.make_cookie();
      cookies.push_back(impl_->cookie(request, impl_->csrf_cookie(), secret));
    }
    own["csrf"] = fmt::format(R"(<input type="hidden" name="{}" value="{}">)", kCsrfField,
                              impl_->csrf.make_token(secret));
  }

  auto response = Response::html(form.render({&own, &page_model, &impl_->constants, &model}));
  response.header("Content-Language", std::string(language_code(language)));
  for (auto const& cookie : cookies) response.cookie(cookie);
  return response;
}

std::string Site::text(Request const& request, std::string_view key, JsonObject const& values) {
  return impl_->catalog(request.language()).text(key, values);
}

namespace {

/// What the error says of each field, as templates show it.
JsonArray problems_of(Error const& error, ErrorTexts const& texts) {
  JsonArray problems;
  for (auto const& [field, value] : error.data()) {
    auto const* object = value.if_object();
    if (!object) continue;
    problems.push_back(JsonObject{{"field", field},
                                  {"label", texts.label(field)},
                                  {"message", texts.field_message(field, *object)}});
  }
  return problems;
}

}  // namespace

Response Site::error_page(Request& request, Error const& error) {
  auto texts = impl_->errors(request);
  auto answer = [&]() -> Response {
    switch (request.format()) {
      case Format::html: {
        JsonObject model;
        model["status"] = error.status();
        model["heading"] = texts.heading(error.status());
        model["explanation"] = texts.explanation(error);
        model["problems"] = problems_of(error, texts);
        if (error.status() >= 500) model["request_id"] = request.id();
        return render(request, "error", std::move(model)).status(error.status());
      }
      case Format::text:
        return Response::text(texts.sentence(error.message()) + "\n", error.status());
      case Format::json:
        break;
    }
    if (error.status() == 404) {
      JsonObject envelope;
      envelope["status"] = 404;
      envelope["message"] = "Not Found: " + std::string(request.target());
      return Response::json(envelope, 404);
    }
    auto envelope = error.envelope();
    envelope["message"] = texts.sentence(error.message());
    if (auto* data = envelope["data"].if_object()) texts.translate(*data);
    if (error.status() >= 500) envelope["requestId"] = request.id();
    return Response::json(envelope, error.status());
  }();
  if (auto wait = error.retry_after()) {
    answer.header("Retry-After", std::to_string(wait->count()));
  }
  return answer;
}

Response Site::form_again(Request& request, std::string_view page, Error const& error) {
  auto texts = impl_->errors(request);
  JsonObject errors;
  auto problems = problems_of(error, texts);
  for (auto const& problem : problems)
    errors[problem.at("field").as_string()] = problem.at("message");
  if (problems.empty()) {
    JsonObject problem;
    problem["message"] = texts.sentence(error.message());
    problems.push_back(std::move(problem));
  }
  auto const conflict = error.status() == 412;
  auto values = sent_values(request);
  // Who has been told of the other version may save over it, but not over a third.
  values[kVersionField] = conflict ? error.current_tag() : request.impl().form_version;
  JsonObject model;
  model["values"] = std::move(values);
  model["errors"] = std::move(errors);
  model["problems"] = std::move(problems);
  model["conflict"] = conflict;
  model["invalid"] = true;
  return render(request, page, std::move(model)).status(error.status());
}

bool Site::needs_token(Request const& request) const {
  if (!changes_state(request.method()) || has_token(request)) return false;
  auto const media_type = http::media_type(request);
  if (!media_type.empty()) {
    // A form may be sent as plain text, too.
    return http::is_form(media_type) || equals_ignoring_case(media_type, "text/plain");
  }
  // No body, so no form: but a foreign page can make a browser send such a request, with its
  // cookies.
  auto const origin = request.header("sec-fetch-site");
  return !origin.empty() && origin != "same-origin" && origin != "none";
}

Async<void> Site::check_token(Request& request) {
  std::string token(request.header("x-csrf-token"));
  if (http::is_form(http::media_type(request))) {
    co_await request.input();
    auto sent = take_text(request, kCsrfField);
    if (token.empty()) token = std::move(sent);
    request.impl().form_version = take_text(request, kVersionField);
  }
  auto cookie = request.cookie(impl_->csrf_cookie());
  if (!cookie || !impl_->csrf.matches(*cookie, token)) {
    throw Error(
        403, "csrf",
        "The form's token is missing or has expired: load the page again and send it anew.");
  }
}

void Site::finish(Request& request, Response& response) {
  if (response.header("cache-control").find("immutable") != std::string_view::npos) return;
  if (!response.notice().empty()) {
    auto sealed = impl_->notices.seal(response.notice(), std::chrono::system_clock::now());
    auto cookie = impl_->cookie(request, impl_->notice_cookie(), std::move(sealed));
    cookie.max_age = NoticeSeal::kLifetime;
    response.cookie(cookie);
  }
  if (auto asked = parse_language(request.query("lang")); asked && is_html(response)) {
    auto cookie =
        impl_->cookie(request, std::string(kLanguageCookie), std::string(language_code(*asked)));
    cookie.path = impl_->root_path();
    cookie.max_age = kLanguageKept;
    response.cookie(cookie);
  }
  response.add_header("Vary", "Accept, Accept-Language, Cookie");
  if (!is_html(response)) return;
  response.header("Content-Security-Policy", std::string(kContentSecurityPolicy));
  response.header("Referrer-Policy", "same-origin");
  if (response.header("cache-control").empty())
    response.header("Cache-Control", "private, no-cache");
}

Response Site::asset(Request&, std::string_view path) {
  constexpr std::string_view folder = "/assets/";
  if (path.starts_with(folder)) path.remove_prefix(folder.size());
  return impl_->assets.serve(path);
}

std::string Site::asset_url(std::string_view name) const {
  auto hashed = impl_->assets.hashed_name(name);
  if (!hashed) throw std::invalid_argument(fmt::format("There is no assets/{}.", name));
  return impl_->settings.base + "/assets/" + *hashed;
}

}  // namespace minga::web
