// Every page of every application, in both languages, with an empty and with a hostile model.
#include "embedded/hits.hpp"
#include "embedded/items.hpp"
#include "embedded/tasks.hpp"
#include "web/catalog.hpp"
#include "web/site.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <regex>
#include <set>

namespace minga {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kHostile = "\"'><script>alert(1)</script>{{base}}";

struct Case {
  std::string app;
  std::string page;
  Language language;
};

void PrintTo(Case const& shown, std::ostream* out) {
  *out << shown.app << " " << shown.page << " " << web::language_code(shown.language);
}

Embedded const& files_of(std::string const& app) {
  if (app == "hits") return embedded::hits();
  return app == "tasks" ? embedded::tasks() : embedded::items();
}

web::Catalog catalog_of(std::string const& app, Language language) {
  auto path = fmt::format("messages/{}.toml", web::language_code(language));
  web::Catalog catalog;
  catalog.add(path, files_of(app).find(path)->bytes);
  return catalog;
}

/// The pages are what has a title; the rest are partials.
std::vector<Case> all_pages() {
  std::vector<Case> cases;
  for (auto const* app : {"hits", "tasks", "items"}) {
    for (auto const& key : catalog_of(app, Language::es).keys()) {
      if (!key.starts_with("title.")) continue;
      for (auto language : web::kLanguages) cases.push_back({app, key.substr(6), language});
    }
  }
  return cases;
}

/// The names a page may ask for, with the hostile text under each; what is entered as a section is
/// a list with an object of hostile texts, where it is not also shown as a text.
JsonObject hostile_model(Embedded const& files) {
  std::set<std::string> shown;
  std::set<std::string> entered;
  static std::regex const tag("\\{\\{([#^]?)([a-z_]+)(\\.([a-z_]+))?\\}\\}");
  for (auto const& file : files.files) {
    if (!file.path.ends_with(".html")) continue;
    std::cregex_iterator match(file.bytes.data(), file.bytes.data() + file.bytes.size(), tag);
    for (; match != std::cregex_iterator(); ++match) {
      auto name = (*match)[2].str();
      if ((*match)[4].matched) {
        shown.insert((*match)[4].str());
        entered.insert(name);
      } else {
        ((*match)[1].str().empty() ? shown : entered).insert(name);
      }
    }
  }
  JsonObject texts;
  for (auto const& name : shown) texts[name] = kHostile;
  JsonObject model = texts;
  for (auto const& name : entered) {
    if (!shown.contains(name)) model[name] = texts;
  }
  for (auto const* list : {"tasks", "items", "problems", "notices"}) model[list] = JsonArray{texts};
  for (auto const* flag : {"t", "asset", "page", "params", "languages"}) model.erase(flag);
  return model;
}

class EveryPage : public testing::TestWithParam<Case> {
 protected:
  std::string render(JsonObject model, std::string_view id = kHostile) {
    auto const& [app, page, language] = GetParam();
    web::SiteSettings settings;
    settings.name = app;
    settings.base = "/" + app;
    settings.language = language;
    settings.secret = "a secret of 16 bytes or more";
    settings.has_start_page = true;
    web::Site site(settings, files_of(app));
    auto request = make_request(Method::get, "/" + app + "/?q=%22%3E%3Cscript%3Ealert(1)",
                                {{"Accept", "text/html"}});
    request.impl().default_language = language;
    request.impl().params = {{"id", std::string(id)}};
    site.enter(request);
    return std::get<std::string>(site.render(request, page, std::move(model)).body());
  }
};

TEST_P(EveryPage, RendersWithAnEmptyModel) {
  auto page = render({}, "7");
  EXPECT_THAT(page, HasSubstr("</html>"));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
}

TEST_P(EveryPage, EscapesWhateverItIsGiven) {
  auto page = render(hostile_model(files_of(GetParam().app)));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_THAT(page, Not(HasSubstr("\"'>")));
}

TEST_P(EveryPage, HasNothingThatTheContentSecurityPolicyForbids) {
  auto page = render(hostile_model(files_of(GetParam().app)));
  EXPECT_FALSE(std::regex_search(page, std::regex("<style|\\sstyle=|\\son[a-z]+=\"|javascript:")));
  EXPECT_FALSE(std::regex_search(page, std::regex("<script[^>]*>[^<]")));
}

TEST_P(EveryPage, HasOneHeadingAndLabelsForItsFields) {
  auto page = render({});
  std::regex heading("<h1");
  EXPECT_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), heading), {}), 1);
  std::regex field("<(input|textarea|select)[^>]*\\sid=\"([^\"]+)\"");
  for (std::sregex_iterator match(page.begin(), page.end(), field), end; match != end; ++match) {
    EXPECT_THAT(page, HasSubstr("for=\"" + (*match)[2].str() + "\""));
  }
}

std::string name_of(testing::TestParamInfo<Case> const& info) {
  auto const& [app, page, language] = info.param;
  return fmt::format("{}_{}_{}", app, page, web::language_code(language));
}

INSTANTIATE_TEST_SUITE_P(Applications, EveryPage, testing::ValuesIn(all_pages()), name_of);

class EveryApplication : public testing::TestWithParam<std::string> {};

TEST_P(EveryApplication, HasTheSameTextsInBothLanguages) {
  auto spanish = catalog_of(GetParam(), Language::es);
  auto english = catalog_of(GetParam(), Language::en);
  EXPECT_EQ(spanish.keys(), english.keys());
  for (auto const& key : spanish.keys()) {
    auto const* es = spanish.find(key);
    auto const* en = english.find(key);
    ASSERT_NE(en, nullptr) << key;
    EXPECT_EQ(web::placeholders(es->other), web::placeholders(en->other)) << key;
    EXPECT_EQ(es->has_plural(), en->has_plural()) << key;
    EXPECT_FALSE(es->other.empty() || en->other.empty()) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(Applications, EveryApplication, testing::Values("hits", "tasks", "items"));

}  // namespace
}  // namespace minga
