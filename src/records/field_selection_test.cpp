#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <ostream>
#include <string>

namespace minga::records {
namespace {

constexpr char const* kRecord =
    R"({"id":"x","title":"T","meta":{"a":1,"b":{"c":2,"d":3}},"list":[{"a":1,"b":2},{"b":3}],)"
    R"("expand":{"author":{"name":"N","email":"E"},"tags":[{"name":"1","id":"i"}]}})";

std::string selected(std::string_view fields, std::string_view record = kRecord) {
  auto value = read_json(record);
  FieldSelection(fields).apply(value);
  return json_text(value);
}

struct Row {
  std::string fields, expected;
};
void PrintTo(Row const& row, std::ostream* out) {
  *out << row.fields;
}
class Selections : public testing::TestWithParam<Row> {};
TEST_P(Selections, KeepWhatTheyName) {
  EXPECT_EQ(selected(GetParam().fields), GetParam().expected);
}
INSTANTIATE_TEST_SUITE_P(
    Paths, Selections,
    testing::Values(
        Row{"", kRecord}, Row{" , ", kRecord}, Row{"*", kRecord}, Row{"id", R"({"id":"x"})"},
        Row{" title , id ", R"({"id":"x","title":"T"})"}, Row{"nothing", "{}"},
        Row{"id,nothing.more", R"({"id":"x"})"},
        Row{"meta", R"({"meta":{"a":1,"b":{"c":2,"d":3}}})"},
        Row{"meta.b.c", R"({"meta":{"b":{"c":2}}})"},
        Row{"meta.a,meta.b.d", R"({"meta":{"a":1,"b":{"d":3}}})"},
        Row{"list.b", R"({"list":[{"b":2},{"b":3}]})"}, Row{"list.a", R"({"list":[{"a":1},{}]})"},
        Row{"id,expand.author.name", R"({"id":"x","expand":{"author":{"name":"N"}}})"},
        Row{"expand.*.name",
            R"({"expand":{"author":{"name":"N","email":"E"},"tags":[{"name":"1","id":"i"}]}})"},
        Row{"expand.tags.name", R"({"expand":{"tags":[{"name":"1"}]}})"},
        Row{"*,meta.a,list.b,expand.author.name,expand.tags.id",
            R"({"id":"x","title":"T","meta":{"a":1},"list":[{"b":2},{"b":3}],)"
            R"("expand":{"author":{"name":"N"},"tags":[{"id":"i"}]}})"},
        Row{"title.more", R"({"title":"T"})"}));

std::string excerpt(std::string_view html, std::string_view modifier) {
  JsonObject record;
  record["f"] = html;
  Json value = std::move(record);
  FieldSelection("f:" + std::string(modifier)).apply(value);
  return text_of(value.as_object(), "f");
}

TEST(Excerpts, ArePlainText) {
  EXPECT_EQ(excerpt("<p>One <b>t</b>wo</p>\n\n<p>three</p>", "excerpt(100)"), "One two three");
  EXPECT_EQ(excerpt("a<script>alert('<p>')</script>b<STYLE x>p{}</style >c", "excerpt(100)"),
            "a b c");
  EXPECT_EQ(excerpt("<svg><path/></svg><img src=x>text<br/>more", "excerpt(100)"), "text more");
  EXPECT_EQ(excerpt("&lt;b&gt; &amp;amp; &quot;q&quot; &#39;s&#39;&nbsp;&copy", "excerpt(100)"),
            "<b> &amp; \"q\" 's' &copy");
  EXPECT_EQ(excerpt("unclosed <b", "excerpt(100)"), "unclosed");
  EXPECT_EQ(excerpt("<script>never ends", "excerpt(100)"), "");
  EXPECT_EQ(excerpt("<!-- <p>no</p> -->yes", "excerpt(100)"), "yes");
}

TEST(Excerpts, KeepWhatIsNoTag) {
  EXPECT_EQ(excerpt("1 < 2 and 3 > 2", "excerpt(100)"), "1 < 2 and 3 > 2");
  EXPECT_EQ(excerpt("<svg/>kept<br>", "excerpt(100)"), "kept");
}

TEST(Excerpts, AreCutByCharacters) {
  EXPECT_EQ(excerpt("\xC3\xA1\xC3\xA9\xC3\xAD\xC3\xB3", "excerpt(3)"), "\xC3\xA1\xC3\xA9\xC3\xAD");
  EXPECT_EQ(excerpt("abcdef", "excerpt(3, true)"), "abc...");
  EXPECT_EQ(excerpt("abcdef", "excerpt( 3 ,false)"), "abc");
  EXPECT_EQ(excerpt("abc", "excerpt(3,true)"), "abc");
}

TEST(Excerpts, LeaveOtherValues) {
  EXPECT_EQ(selected("id:excerpt(1),meta:excerpt(1)", R"({"id":5,"meta":{"a":"long"}})"),
            R"({"id":5,"meta":{"a":"long"}})");
  EXPECT_EQ(selected("list.t:excerpt(1)", R"({"list":[{"t":"ab"},{"t":null}]})"),
            R"({"list":[{"t":"a"},{"t":null}]})");
  EXPECT_EQ(selected("*,a:excerpt(2)", R"({"a":"abc","b":"abc"})"), R"({"a":"ab","b":"abc"})");
}

TEST(Modifiers, ThatAreUnknownAreRefused) {
  for (auto const* fields : {"a:upper", "a:excerpt", "a:excerpt()", "a:excerpt(0)", "a:excerpt(-1)",
                             "a:excerpt(x)", "a:excerpt(1,2)", "a:excerpt(1,true,3)", "a:excerpt(1",
                             "b,a:", "a:excerpt(1)x", "a:excerpt(99999999999999999999)"}) {
    auto const error = error_of([&] { FieldSelection selection(fields); });
    EXPECT_EQ(error.status(), 400) << fields;
    EXPECT_EQ(codes_of(error), "fields: validation_invalid_value") << fields;
  }
}

TEST(Excerpts, OfHostileTextAreQuick) {
  std::string html;
  while (html.size() < 1'000'000) html += "<svg></SVG>";
  auto const begin = std::chrono::steady_clock::now();
  EXPECT_EQ(excerpt(html, "excerpt(10)"), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

RC_GTEST_PROP(AnyFields, SelectOrAreRefused, ()) {
  auto const pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "id", "meta", ".", ",", "*", ":", "excerpt(", "1", ")", "list", "expand", " ", "title"));
  std::string fields;
  for (auto const& piece : pieces) fields += piece;
  try {
    RC_ASSERT(selected(fields).size() <= std::string_view(kRecord).size());
  } catch (Error const& error) {
    RC_ASSERT(error.status() == 400);
  }
}

}  // namespace
}  // namespace minga::records
