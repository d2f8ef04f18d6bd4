#include "web/templates.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

namespace minga::web {
namespace {

using testing::HasSubstr;

std::string render(std::string const& text, std::string_view model) {
  auto object = boost::json::parse(model).as_object();
  return Template("page", text).render({&object});
}

TEST(Template, EscapesValues) {
  EXPECT_EQ(render("<p title=\"{{x}}\">{{x}}</p>", R"({"x":"<b> & \"q\" 'a'"})"),
            "<p title=\"&lt;b&gt; &amp; &quot;q&quot; &#39;a&#39;\">"
            "&lt;b&gt; &amp; &quot;q&quot; &#39;a&#39;</p>");
  EXPECT_EQ(render("{{{x}}}", R"({"x":"<b>"})"), "<b>");
}

TEST(Template, ShowsScalarsAsPeopleReadThem) {
  EXPECT_EQ(
      render("{{a}} {{b}} {{c}} {{d}}|{{e}}|", R"({"a":9007199254740993,"b":-0.5,"c":0,"d":null})"),
      "9007199254740993 -0.5 0 ||");
}

TEST(Template, EmptyValuesAreFalse) {
  for (auto value : {"\"\"", "[]", "{}", "null", "false"}) {
    EXPECT_EQ(render("{{#x}}yes{{/x}}{{^x}}no{{/x}}", fmt::format(R"({{"x":{}}})", value)), "no")
        << value;
  }
  for (auto value : {"\"a\"", "[0]", "{\"a\":1}", "0", "true"}) {
    EXPECT_EQ(render("{{#x}}yes{{/x}}{{^x}}no{{/x}}", fmt::format(R"({{"x":{}}})", value)), "yes")
        << value;
  }
  EXPECT_EQ(render("{{#x}}yes{{/x}}{{^x}}no{{/x}}", "{}"), "no");
}

TEST(Template, EntersListsAndObjects) {
  EXPECT_EQ(render("{{#list}}[{{.}}]{{/list}}", R"({"list":["a",1,"<"]})"), "[a][1][&lt;]");
  EXPECT_EQ(
      render("{{#list}}{{n}}{{outer}};{{/list}}", R"({"outer":"!","list":[{"n":1},{"n":2}]})"),
      "1!;2!;");
  EXPECT_EQ(render("{{#a}}{{#b}}{{c}}{{d}}{{/b}}{{/a}}", R"({"d":"D","a":{"b":{"c":"C"}}})"), "CD");
  EXPECT_EQ(render("{{a.b.c}}{{a.x.c}}", R"({"a":{"b":{"c":"C"}}})"), "C");
}

TEST(Template, EntersListsWithinLists) {
  EXPECT_EQ(
      render("{{#rows}}({{name}}:{{#cells}}{{v}}{{#tags}}#{{.}}{{/tags}},{{/cells}}){{/rows}}",
             R"({"rows":[{"name":"a","cells":[{"v":1,"tags":["x","y"]},{"v":2}]},
                               {"name":"b","cells":[]},
                               {"name":"c","cells":[{"v":3,"tags":["z"]}]}]})"),
      "(a:1#x#y,2,)(b:)(c:3#z,)");
}

TEST(Template, AnInnerNullHidesAnOuterValue) {
  EXPECT_EQ(render("{{#list}}{{x}}{{/list}}", R"({"x":"outer","list":[{"x":null}]})"), "");
}

TEST(Template, LooksIntoItsModelsInTurn) {
  JsonObject first{{"a", 1}};
  JsonObject second{{"a", 2}, {"b", 3}};
  EXPECT_EQ(Template("page", "{{a}}{{b}}").render({&first, &second}), "13");
}

TEST(Template, SaysWhatCannotBeParsed) {
  EXPECT_THROW(Template("pages/x.html", "{{#open}}"), std::invalid_argument);
  EXPECT_THROW(Template("pages/x.html", "{{name"), std::invalid_argument);
}

TEST(Template, RendersOnManyThreadsAtOnce) {
  Template page("page",
                "{{#list}}{{#on}}<{{name}}>{{/on}}{{^on}}-{{/on}}{{/list}}{{#n@one}}1{{/n@one}}");
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      JsonObject model{{"n", number}};
      auto& list = model["list"].emplace_array();
      list.push_back(JsonObject{{"on", true}, {"name", number}});
      list.push_back(JsonObject{{"on", false}});
      auto expected = fmt::format("<{}>-{}", number, number == 1 ? "1" : "");
      for (int i = 0; i < 2'000; ++i) {
        if (page.render({&model}) != expected) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

class LoadTemplates : public testing::Test {
 protected:
  /// The pages, in Spanish, of a platform with a layout and of an application with these files.
  std::map<std::string, Template, std::less<>> load(std::vector<EmbeddedFile> application) {
    files_ = std::move(application);
    platform_.files = platform_files_;
    application_.files = files_;
    catalog_.add("es", messages_);
    assets_ = std::make_unique<Assets>(std::vector<Embedded const*>{&platform_, &application_});
    return load_templates({{&platform_, &application_}, &catalog_, assets_.get(), "/app/assets/"});
  }

  std::string refusal(std::vector<EmbeddedFile> application) {
    try {
      load(std::move(application));
    } catch (std::invalid_argument const& error) {
      return error.what();
    }
    return "";
  }

  std::string messages_ = R"(
    hello = "\u00a1Hola, <{name}>!"
    tasks = {one = "una", other = "{count} tareas"}
    [title]
    index = "Inicio de {name}"
    other = "Otra"
  )";

 private:
  std::vector<EmbeddedFile> platform_files_{
      {"pages/layout.html", "<title>{{page_title}}</title>\n  {{>nav}}\n\n  [{{>content}}]\n"},
      {"pages/note.html", "note"},
      {"assets/a.css", "a{}"}};
  std::vector<EmbeddedFile> files_;
  Embedded platform_;
  Embedded application_;
  Catalog catalog_;
  std::unique_ptr<Assets> assets_;
};

TEST_F(LoadTemplates, PutsTogetherLayoutPartialsMessagesAndAssets) {
  auto pages = load({{"pages/index.html", "{{#t}}hello{{/t}}{{>card}}"},
                     {"pages/card.html", "{{>note}}<link href=\"{{#asset}}a.css{{/asset}}\">"}});
  ASSERT_EQ(pages.size(), 1U);
  JsonObject model{{"name", "&"}};
  EXPECT_THAT(
      pages.at("index").render({&model}),
      testing::MatchesRegex("<title>Inicio de &amp;</title>\n\\[\u00a1Hola, &lt;&amp;&gt;!note"
                            "<link href=\"/app/assets/a\\.[0-9a-f]{12}\\.css\">\\]\n"));
}

TEST_F(LoadTemplates, ChoosesThePluralWhenItRenders) {
  auto pages = load({{"pages/index.html", "{{#t}}tasks{{/t}}"},
                     {"pages/note.html", "x"},
                     {"pages/other.html", "{{>note}}"}});
  JsonObject one{{"count", 1}};
  JsonObject two{{"count", 2}};
  EXPECT_THAT(pages.at("index").render({&one}), HasSubstr("[una]"));
  EXPECT_THAT(pages.at("index").render({&two}), HasSubstr("[2 tareas]"));
}

TEST_F(LoadTemplates, KnowsWhichPagesHoldAForm) {
  auto pages =
      load({{"pages/index.html", "{{>note}}"}, {"pages/other.html", "<form>{{{csrf}}}</form>"}});
  EXPECT_FALSE(pages.at("index").uses_csrf());
  EXPECT_TRUE(pages.at("other").uses_csrf());
}

TEST_F(LoadTemplates, SaysWhatAPageLacks) {
  EXPECT_THAT(refusal({{"pages/index.html", "{{>note}}{{#t}}no.such{{/t}}"}}),
              testing::AllOf(HasSubstr("pages/index.html"), HasSubstr("no.such")));
  EXPECT_THAT(refusal({{"pages/index.html", "{{>note}}{{>missing}}"}}),
              HasSubstr("pages/missing.html"));
  EXPECT_THAT(refusal({{"pages/index.html", "{{>note}}{{#asset}}b.css{{/asset}}"}}),
              HasSubstr("assets/b.css"));
  EXPECT_THAT(refusal({{"pages/index.html", "{{>note}}{{#t}}hello"}}),
              HasSubstr("pages/index.html"));
  EXPECT_THAT(refusal({{"pages/index.html", "{{>note}}"}, {"pages/untitled.html", ""}}),
              HasSubstr("title.untitled"));
  EXPECT_THAT(refusal({{"pages/index.html", "{{>note}}{{>a}}"}, {"pages/a.html", "{{>a}}"}}),
              HasSubstr("includes itself"));
}

}  // namespace
}  // namespace minga::web
