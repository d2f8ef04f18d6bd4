#include "web/site.hpp"

#include "web/catalog.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <regex>

namespace minga::web {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<EmbeddedFile, 5> kFiles{{
    {"messages/es.toml",
     "[app]\ntitle = 'Prueba'\n[title]\nform = 'Formulario'\nplain = 'P\u00e1gina'\n"
     "[fields]\nname = 'Nombre'\n[errors.name]\nvalidation_required = '\u00bfC\u00f3mo te "
     "llamas?'"},
    {"messages/en.toml",
     "[app]\ntitle = 'Trial'\n[title]\nform = 'Form'\nplain = 'Page'\n"
     "[fields]\nname = 'Name'\n[errors.name]\nvalidation_required = 'What is your name?'"},
    {"pages/form.html",
     "<form>{{>problems}}{{{csrf}}}{{>version}}<input id=\"name\" value=\"{{values.name}}\">"
     "<i>{{errors.name}}</i><b>{{errors.age}}</b><u>{{params.id}}</u></form>"},
    {"pages/plain.html", "<p>{{text}}</p>"},
    {"assets/own.js", "1"},
}};
constexpr std::string_view kSecret = "a secret of 16 bytes or more";

template <class T>
T run(Async<T> task) {
  boost::asio::io_context context;
  auto result = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.run();
  return result.get();
}

std::string body(Response const& response) {
  return std::get<std::string>(response.body());
}

JsonObject json_body(Response const& response) {
  return boost::json::parse(body(response)).as_object();
}

std::vector<std::string> cookies(Response const& response) {
  std::vector<std::string> found;
  for (auto const& [name, value] : response.headers()) {
    if (name == "Set-Cookie") found.push_back(value);
  }
  return found;
}

/// The `name=value` of a Set-Cookie.
std::string pair_of(std::string const& set_cookie) {
  return set_cookie.substr(0, set_cookie.find(';'));
}

std::string token_in(std::string const& page) {
  std::smatch match;
  std::regex field("name=\"_csrf\" value=\"([^\"]+)\"");
  return std::regex_search(page, match, field) ? match[1].str() : "";
}

class SiteTest : public testing::Test {
 protected:
  Site make_site(std::string name = "trial", std::string base = "/trial") {
    SiteSettings settings;
    settings.name = std::move(name);
    settings.base = std::move(base);
    settings.secret = kSecret;
    return Site(std::move(settings), files);
  }

  Request request(Method method, std::string target, Headers headers = {}, std::string text = {}) {
    auto made = make_request(method, std::move(target), std::move(headers), std::move(text));
    site.enter(made);
    return made;
  }
  Request page_request(std::string target, Headers headers = {}) {
    headers.emplace_back("Accept", "text/html");
    headers.emplace_back("Host", "example.org");
    return request(Method::get, std::move(target), std::move(headers));
  }

  Embedded files{kFiles};
  Site site = make_site();
};

TEST_F(SiteTest, WritesAPageInTheLanguageOfTheReader) {
  auto spanish = page_request("/trial/");
  auto page = body(site.render(spanish, "plain.html", {{"text", "<x>"}}));
  EXPECT_THAT(page, HasSubstr("<html lang=\"es\">"));
  EXPECT_THAT(page, HasSubstr("<title>P\u00e1gina \u00b7 Prueba</title>"));
  EXPECT_THAT(page, HasSubstr("<p>&lt;x&gt;</p>"));
  auto english = page_request("/trial/", {{"Accept-Language", "en-GB,en;q=0.9"}});
  auto response = site.render(english, "plain.html", {});
  EXPECT_THAT(body(response), HasSubstr("<title>Page \u00b7 Trial</title>"));
  EXPECT_EQ(response.header("Content-Language"), "en");
}

TEST_F(SiteTest, AChosenLanguageGoesBeforeTheHeaderAndIsKept) {
  auto asked = page_request("/trial/x?a=1&lang=en&b=%26", {{"Accept-Language", "es"}});
  auto response = site.render(asked, "plain", {});
  site.finish(asked, response);
  EXPECT_THAT(body(response), HasSubstr("lang=\"en\""));
  EXPECT_THAT(body(response), HasSubstr("href=\"/trial/x?lang=es&amp;a=1&amp;b=%26\""));
  ASSERT_THAT(cookies(response), ElementsAre(AllOf(StartsWith("lang=en;"), HasSubstr("Path=/;"))));

  auto later = page_request("/trial/", {{"Accept-Language", "es"}, {"Cookie", "lang=en"}});
  EXPECT_EQ(site.text(later, "title.plain", {}), "Page");
  auto unknown = page_request("/trial/?lang=tlh", {{"Cookie", "lang=\"><script>"}});
  auto answer = site.render(unknown, "plain", {});
  site.finish(unknown, answer);
  EXPECT_THAT(body(answer), HasSubstr("<html lang=\"es\">"));
  EXPECT_THAT(cookies(answer), IsEmpty());
}

TEST_F(SiteTest, AModelCannotReplaceWhatEveryPageHas) {
  auto asked = page_request("/trial/");
  JsonObject hostile{{"base", "//evil"}, {"csrf", "<input>"}, {"language", "xx"}, {"text", "own"}};
  auto page = body(site.render(asked, "form", hostile));
  EXPECT_THAT(page,
              AllOf(Not(HasSubstr("//evil")), Not(HasSubstr("<input>")), Not(HasSubstr("\"xx\""))));
  EXPECT_THAT(body(site.render(asked, "plain", hostile)), HasSubstr("<p>own</p>"));
}

TEST_F(SiteTest, AnUnknownPageIsAFault) {
  auto asked = page_request("/trial/");
  EXPECT_THROW(site.render(asked, "missing.html", {}), std::logic_error);
}

TEST_F(SiteTest, PagesCarryTheirSecurityHeaders) {
  auto asked = page_request("/trial/");
  auto page = site.render(asked, "plain", {});
  site.finish(asked, page);
  EXPECT_THAT(std::string(page.header("Content-Security-Policy")),
              AllOf(StartsWith("default-src 'none'; script-src 'self'; style-src 'self';"),
                    Not(HasSubstr("unsafe"))));
  EXPECT_EQ(page.header("Referrer-Policy"), "same-origin");
  EXPECT_EQ(page.header("Vary"), "Accept, Accept-Language, Cookie");
  EXPECT_EQ(page.header("Cache-Control"), "private, no-cache");
  auto data = Response::json(JsonObject{});
  site.finish(asked, data);
  EXPECT_EQ(data.header("Content-Security-Policy"), "");
  EXPECT_EQ(data.header("Vary"), "Accept, Accept-Language, Cookie");
}

TEST_F(SiteTest, HasNoStyleNorScriptWithinAPage) {
  auto asked = page_request("/trial/");
  auto page = body(site.render(asked, "plain", {}));
  EXPECT_THAT(page, Not(HasSubstr("<style")));
  EXPECT_THAT(page, Not(HasSubstr(" style=")));
  EXPECT_THAT(page, Not(testing::ContainsRegex("<script[^>]*>[^<]")));
  EXPECT_THAT(page, Not(testing::ContainsRegex("(href|src)=\"(https?:)?//")));
}

TEST_F(SiteTest, ServesAssetsUnderHashedUrls) {
  auto url = site.asset_url("own.js");
  EXPECT_THAT(url, testing::MatchesRegex("/trial/assets/own\\.[0-9a-f]{12}\\.js"));
  auto asked = request(Method::get, url);
  auto response = site.asset(asked, url.substr(std::string("/trial").size()));
  site.finish(asked, response);
  EXPECT_EQ(response.header("Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(response.header("Vary"), "");
  EXPECT_THROW(site.asset_url("missing.js"), std::invalid_argument);
}

TEST_F(SiteTest, TheLanguagesMustHaveTheSameMessages) {
  std::array<EmbeddedFile, 2> uneven{{{"messages/es.toml", "a = 'x'"}, {"messages/en.toml", ""}}};
  Embedded folder{uneven};
  try {
    Site const uneven_site({.name = "x", .base = "", .secret = std::string(kSecret)}, folder);
    FAIL() << "accepted";
  } catch (std::invalid_argument const& error) {
    EXPECT_STREQ(error.what(), "messages/en.toml lacks \"a\", which messages/es.toml has");
  }
}

// Notices

TEST_F(SiteTest, ANoticeIsShownOnceOnTheNextPage) {
  auto sender = request(Method::post, "/trial/add");
  auto redirect = Response::redirect("/trial/").notice("A\u00f1adida <b>");
  site.finish(sender, redirect);
  ASSERT_THAT(cookies(redirect),
              ElementsAre(AllOf(StartsWith("notice_trial="), HasSubstr("HttpOnly"),
                                HasSubstr("SameSite=Lax"), HasSubstr("Path=/trial"))));

  auto next = page_request("/trial/", {{"Cookie", pair_of(cookies(redirect)[0])}});
  auto page = site.render(next, "plain", {});
  EXPECT_THAT(body(page), HasSubstr("A\u00f1adida &lt;b&gt;"));
  ASSERT_THAT(cookies(page),
              ElementsAre(AllOf(StartsWith("notice_trial=;"), HasSubstr("Max-Age=0"))));

  auto forged = page_request("/trial/", {{"Cookie", "notice_trial=Zm9yZ2Vk"}});
  EXPECT_THAT(body(site.render(forged, "plain", {})), Not(HasSubstr("role=\"status\"")));
}

// CSRF

class SiteCsrfTest : public SiteTest {
 protected:
  /// Opens the form: this browser's cookie and the page's token.
  void SetUp() override {
    auto asked = page_request("/trial/form");
    auto page = site.render(asked, "form", {});
    ASSERT_THAT(cookies(page),
                ElementsAre(AllOf(StartsWith("csrf_trial="), HasSubstr("HttpOnly"),
                                  HasSubstr("SameSite=Lax"), HasSubstr("Path=/trial"))));
    cookie = pair_of(cookies(page)[0]);
    token = token_in(body(page));
    ASSERT_FALSE(token.empty());
  }

  bool accepts(Headers headers, std::string text, Method method = Method::post) {
    auto sent = request(method, "/trial/form", std::move(headers), std::move(text));
    return accepts(sent);
  }
  bool accepts(Request& sent) {
    try {
      run(check(sent));
      return true;
    } catch (Error const& error) {
      EXPECT_EQ(error.status(), 403);
      EXPECT_EQ(error.code(), "csrf");
      return false;
    }
  }
  Async<void> check(Request& sent) {
    if (site.needs_token(sent)) co_await site.check_token(sent);
  }

  Headers form_headers() const {
    return {{"Content-Type", "application/x-www-form-urlencoded"}, {"Cookie", cookie}};
  }

  std::string cookie;
  std::string token;
};

TEST_F(SiteCsrfTest, AcceptsTheFormOfItsOwnPage) {
  EXPECT_TRUE(accepts(form_headers(), "name=a&_csrf=" + token));
  auto by_header = form_headers();
  by_header.emplace_back("X-CSRF-Token", token);
  EXPECT_TRUE(accepts(by_header, "name=a"));
}

TEST_F(SiteCsrfTest, TheBrowserKeepsItsCookieOverPages) {
  auto again = page_request("/trial/form", {{"Cookie", cookie}});
  auto page = site.render(again, "form", {});
  EXPECT_THAT(cookies(page), IsEmpty());
  EXPECT_TRUE(accepts(form_headers(), "_csrf=" + token_in(body(page))));
}

TEST_F(SiteCsrfTest, TheHandlerDoesNotSeeTheToken) {
  auto sent = request(Method::post, "/trial/form", form_headers(), "name=a&_csrf=" + token);
  ASSERT_TRUE(accepts(sent));
  EXPECT_EQ(run(sent.input()), (JsonObject{{"name", "a"}}));
}

TEST_F(SiteCsrfTest, TheVersionIsTheRequestsAndNotTheHandlers) {
  auto sent =
      request(Method::post, "/trial/form", form_headers(), "name=a&_version=a7&_csrf=" + token);
  ASSERT_TRUE(accepts(sent));
  EXPECT_EQ(sent.impl().form_version, "a7");
  EXPECT_EQ(run(sent.input()), (JsonObject{{"name", "a"}}));
}

TEST_F(SiteCsrfTest, RefusesAMissingOrForgedToken) {
  EXPECT_FALSE(accepts(form_headers(), "name=a"));
  EXPECT_FALSE(accepts(form_headers(), "_csrf="));
  EXPECT_FALSE(accepts(form_headers(), "_csrf=7"));
  EXPECT_FALSE(accepts(form_headers(), "_csrf=" + std::string(43, 'A')));
  EXPECT_FALSE(accepts({{"Content-Type", "application/x-www-form-urlencoded"}}, "_csrf=" + token));
  EXPECT_FALSE(accepts({{"Content-Type", "text/plain"}, {"Cookie", cookie}}, "_csrf=" + token));
}

TEST_F(SiteCsrfTest, RefusesAnotherBrowsersToken) {
  auto other = page_request("/trial/form");
  auto other_token = token_in(body(site.render(other, "form", {})));
  EXPECT_FALSE(accepts(form_headers(), "_csrf=" + other_token));
}

TEST_F(SiteCsrfTest, RefusesAnotherSitesToken) {
  auto other = make_site("other", "/trial");
  auto asked = page_request("/trial/form");
  auto page = other.render(asked, "form", {});
  auto value = pair_of(cookies(page)[0]);
  value.replace(0, std::string("csrf_other").size(), "csrf_trial");
  Headers headers{{"Content-Type", "application/x-www-form-urlencoded"}, {"Cookie", value}};
  EXPECT_FALSE(accepts(headers, "_csrf=" + token_in(body(page))));
}

TEST_F(SiteCsrfTest, ChecksMultipartForms) {
  Headers headers{{"Content-Type", "multipart/form-data; boundary=x"}, {"Cookie", cookie}};
  auto part = [](std::string const& value) {
    return "--x\r\nContent-Disposition: form-data; name=\"_csrf\"\r\n\r\n" + value +
           "\r\n--x--\r\n";
  };
  EXPECT_TRUE(accepts(headers, part(token)));
  EXPECT_FALSE(accepts(headers, part("forged")));
}

TEST_F(SiteCsrfTest, JsonAndBearersNeedNoToken) {
  EXPECT_TRUE(accepts({{"Content-Type", "application/json"}}, "{}"));
  EXPECT_TRUE(accepts({{"Content-Type", "application/x-ndjson"}}, "{}"));
  auto with = [this](std::string authorization) {
    auto headers = form_headers();
    headers.emplace_back("Authorization", std::move(authorization));
    return accepts(headers, "name=a");
  };
  EXPECT_TRUE(with("Bearer eyJhbGciOi"));
  EXPECT_TRUE(with("eyJhbGciOi"));
  EXPECT_FALSE(with("Basic dXNlcjpwYXNz")) << "browsers send it by themselves";
  EXPECT_FALSE(with(""));
}

TEST_F(SiteCsrfTest, ReadingNeedsNoToken) {
  EXPECT_TRUE(accepts({}, "", Method::get));
  EXPECT_TRUE(accepts({}, "", Method::head));
}

TEST_F(SiteCsrfTest, ARequestWithoutBodyMayNotComeFromAForeignPage) {
  EXPECT_TRUE(accepts({}, "", Method::delete_));
  EXPECT_TRUE(accepts({{"Sec-Fetch-Site", "same-origin"}}, ""));
  EXPECT_FALSE(accepts({{"Sec-Fetch-Site", "cross-site"}}, ""));
  EXPECT_FALSE(accepts({{"Sec-Fetch-Site", "same-site"}, {"Cookie", cookie}}, ""));
}

// Errors

TEST_F(SiteTest, AnErrorIsAPageInTheReadersLanguage) {
  auto asked = page_request("/trial/x", {{"Accept-Language", "en"}});
  auto page = site.error_page(asked, Error::not_found());
  EXPECT_EQ(page.status(), 404);
  EXPECT_THAT(body(page), AllOf(HasSubstr("There is nothing here"), HasSubstr("href=\"/trial/\"")));
  auto csrf = page_request("/trial/x");
  EXPECT_THAT(body(site.error_page(csrf, Error(403, "csrf", "x"))),
              HasSubstr("El formulario caduc\u00f3"));
  auto busy = page_request("/trial/x");
  auto wait = site.error_page(busy, Error::unavailable("busy", std::chrono::seconds(7)));
  EXPECT_EQ(wait.header("Retry-After"), "7");
  EXPECT_THAT(body(wait), HasSubstr("<code>" + std::string(busy.id()) + "</code>"));
}

TEST_F(SiteTest, AnErrorPageSaysWhatIsWrongWithWhat) {
  auto asked = page_request("/trial/x?page=%3Cb%3E", {{"Accept-Language", "en"}});
  auto const error =
      Error::invalid("<b>", "validation_min_number_constraint", "Must be\u2026", {{"min", 18}});
  EXPECT_THAT(body(site.error_page(asked, error)), HasSubstr("<p>&lt;b&gt;: The least is 18.</p>"));
}

TEST_F(SiteTest, AnUnknownSentenceIsShownAsItIs) {
  auto asked = page_request("/trial/x");
  auto page = site.error_page(asked, Error::bad_request("Unheard of <b>."));
  EXPECT_THAT(body(page), HasSubstr("Unheard of &lt;b&gt;."));
}

TEST_F(SiteTest, ProgramsGetNotFoundWithTheAddress) {
  auto asked = request(Method::get, "/trial/x?y=1", {{"Host", "example.org:8090"}});
  auto answer = site.error_page(asked, Error::not_found());
  EXPECT_EQ(answer.status(), 404);
  EXPECT_EQ(json_body(answer),
            (JsonObject{{"status", 404}, {"message", "Not Found: /trial/x?y=1"}}));
}

TEST_F(SiteTest, ProgramsGetTheEnvelopeWithItsMessagesTranslated) {
  auto asked = request(Method::get, "/trial/x");
  auto error =
      Error::invalid("age", "validation_min_number_constraint", "Must be\u2026", {{"min", 18}});
  auto answer = json_body(site.error_page(asked, error));
  EXPECT_EQ(answer["status"].as_int64(), 400);
  EXPECT_EQ(answer["message"].as_string(), "Algo sali\u00f3 mal al atender la petici\u00f3n.");
  EXPECT_EQ(answer.at("data").at("age"), (JsonObject{{"code", "validation_min_number_constraint"},
                                                     {"message", "El m\u00ednimo es 18."},
                                                     {"params", {{"min", 18}}}}));
  auto fault = json_body(site.error_page(asked, Error(500, "fault", "Broken.")));
  EXPECT_EQ(fault["requestId"].as_string(), asked.id());
}

TEST_F(SiteTest, TextForWhoAsksForText) {
  auto asked = request(Method::get, "/trial/x", {{"Accept", "text/plain"}});
  auto answer = site.error_page(asked, Error::not_found());
  EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(body(answer), "No se encontr\u00f3 lo que se pidi\u00f3.\n");
}

TEST_F(SiteTest, ARefusedFormIsShownAgainWithWhatWasTyped) {
  auto sent =
      request(Method::post, "/trial/form",
              {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "text/html"}},
              "name=%22%3E%3Cscript%3E&age=x");
  sent.impl().params = {{"id", "<7>"}};
  run(sent.input());
  auto error = Error::invalid("name", "validation_required", "Cannot be blank.");
  error.data()["age"] = field_error("validation_not_a_number", "Not a number.");
  error.data()["other"] = field_error("own_code", "Own <sentence>.");
  auto page = site.form_again(sent, "form.html", error);
  EXPECT_EQ(page.status(), 400);
  auto text = body(page);
  EXPECT_THAT(text, HasSubstr("value=\"&quot;&gt;&lt;script&gt;\""));
  EXPECT_THAT(
      text,
      HasSubstr("<i>\u00bfC\u00f3mo te llamas?</i><b>Escribe un n\u00famero.</b><u>&lt;7&gt;</u>"));
  EXPECT_THAT(text, HasSubstr("<a href=\"#name\">Nombre</a>: \u00bfC\u00f3mo te llamas?"));
  EXPECT_THAT(text, HasSubstr("Own &lt;sentence&gt;."));
  EXPECT_THAT(text, HasSubstr("<title>Error: Formulario \u00b7 Prueba</title>"));
}

TEST_F(SiteTest, ARefusalWithoutFieldIsShownAsSentence) {
  auto sent = request(Method::post, "/trial/form", {{"Accept", "text/html"}});
  auto page = site.form_again(sent, "form", Error::bad_request("Invalid filter."));
  EXPECT_THAT(body(page), HasSubstr("<li>El filtro no es v\u00e1lido.</li>"));
}

TEST_F(SiteTest, AFormThatCameTooLateIsShownAgainWithTheVersionOfNow) {
  auto sent =
      request(Method::post, "/trial/form",
              {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "text/html"}},
              "name=mine");
  sent.impl().form_version = "old";
  run(sent.input());
  auto page = site.form_again(sent, "form", Error::precondition_failed({}, "new"));
  EXPECT_EQ(page.status(), 412);
  auto text = body(page);
  EXPECT_THAT(text, HasSubstr("value=\"mine\""));
  EXPECT_THAT(text, HasSubstr("Alguien se adelant\u00f3"));
  EXPECT_THAT(text, HasSubstr("<a href=\"/trial/form\" target=\"_blank\""));
  EXPECT_THAT(text, HasSubstr("name=\"_version\" value=\"new\""));
  EXPECT_THAT(text, Not(HasSubstr("ETag")));
  auto refused = site.form_again(sent, "form", Error::bad_request("Invalid filter."));
  EXPECT_THAT(body(refused), HasSubstr("name=\"_version\" value=\"old\""));
}

// The platform's own texts

TEST_F(SiteTest, EveryCodeOfTheApiHasAText) {
  auto asked = request(Method::get, "/");
  for (auto code : {"validation_required",
                    "validation_invalid_value",
                    "validation_unsupported_value_type",
                    "validation_not_unique",
                    "validation_unknown_field",
                    "validation_min_text_constraint",
                    "validation_max_text_constraint",
                    "validation_invalid_format",
                    "validation_invalid_text",
                    "validation_not_a_number",
                    "validation_min_number_constraint",
                    "validation_max_number_constraint",
                    "validation_only_int_constraint",
                    "validation_is_email",
                    "validation_invalid_url",
                    "validation_email_domain_not_allowed",
                    "validation_url_domain_not_allowed",
                    "validation_date_invalid",
                    "validation_min_greater_equal_than_required",
                    "validation_max_less_equal_than_required",
                    "validation_too_many_values",
                    "validation_not_enough_values",
                    "validation_missing_rel_records",
                    "validation_content_size_limit",
                    "validation_json_size_limit",
                    "validation_invalid_json",
                    "validation_invalid_latitude",
                    "validation_invalid_longitude",
                    "validation_file_size_limit",
                    "validation_invalid_mime_type",
                    "validation_too_many_files",
                    "validation_invalid_file",
                    "validation_pk_change",
                    "validation_invalid_auth_id",
                    "validation_values_mismatch",
                    "validation_invalid_old_password",
                    "validation_invalid_token",
                    "validation_length_out_of_range",
                    "validation_length_too_long",
                    "validation_in_invalid",
                    "validation_not_in_invalid",
                    "validation_match_invalid"}) {
    auto key = fmt::format("codes.{}", code);
    EXPECT_NE(site.text(asked, key, {}), key);
  }
}

}  // namespace
}  // namespace minga::web
