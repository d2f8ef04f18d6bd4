#include "records/import.hpp"

#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace minga::records {
namespace {

Definition documents() {
  auto definition = open_to_all("documents", {text("name").required(), number("n").integer()});
  definition.open = true;
  return definition;
}

Async<ImportReport> import_parts(Store& store, Context context, std::string collection,
                                 std::vector<std::string> parts) {
  Importer importer(store, std::move(context), std::move(collection));
  for (auto const& part : parts) co_await importer.feed(part);
  co_await importer.finish();
  co_return importer.report();
}

ImportReport import(TestStore& store, std::vector<std::string> parts) {
  return store.run(import_parts(*store.store, store.context, "documents", std::move(parts)));
}

std::string refusals(ImportReport const& report) {
  std::string text;
  for (auto const& refusal : report.refusals)
    text += std::to_string(refusal.line) + ": " + refusal.reason + "\n";
  return text;
}

TEST(Import, TakesWhatIsGoodAndReportsTheRest) {
  TestStore store;
  store.declare(documents());
  auto const report = import(store, {"\xEF\xBB\xBF{\"name\":\"a\",\"n\":1}\r\n"
                                     "\n"
                                     "no json\n"
                                     "[1]\n"
                                     "{\"n\":2}\n"
                                     "{\"name\":\"b\",\"n\":\"x\"}\n"
                                     "{\"id\":\"aaaaaaaaaaaaaaa\",\"name\":\"c\"}\n"
                                     "{\"id\":\"aaaaaaaaaaaaaaa\",\"name\":\"d\"}\n"
                                     "{\"id\":\"short\",\"name\":\"e\"}\n"
                                     "{\"name\":\"\xFF\"}\n"
                                     "{\"name\":\"z\\u0000\"}\n"
                                     "{\"name\":\"f\",\"deep\":{\"$numberLong\":\"7\"}}"});
  EXPECT_EQ(report.added, 3);
  EXPECT_EQ(report.refused, 8);
  EXPECT_EQ(store.list("documents", "").total_items, 3);
  EXPECT_EQ(store.list("documents", "deep = 7").total_items, 1);
  std::vector<std::int64_t> lines;
  for (auto const& refusal : report.refusals) lines.push_back(refusal.line);
  EXPECT_EQ(lines, (std::vector<std::int64_t>{3, 4, 5, 6, 8, 9, 10, 11})) << refusals(report);
  EXPECT_NE(refusals(report).find("5: name: Cannot be blank."), std::string::npos);
  EXPECT_NE(refusals(report).find("8: id: Value must be unique."), std::string::npos);
}

TEST(Import, KeepsTheFirstHundredRefusals) {
  TestStore store;
  store.declare(documents());
  std::string lines;
  for (int i = 0; i < 150; ++i) lines += "{\"n\":1}\n";
  auto const report = import(store, {lines});
  EXPECT_EQ(report.refused, 150);
  ASSERT_EQ(report.refusals.size(), 100U);
  EXPECT_EQ(report.refusals.back().line, 100);
}

TEST(Import, ALineThatIsTooLongLosesNothingElse) {
  TestStore store;
  store.declare(documents());
  std::string const part(1024 * 1024, 'x');
  std::vector<std::string> parts{"{\"name\":\"a\"}\n{\"name\":\""};
  for (int i = 0; i < 17; ++i) parts.push_back(part);
  parts.emplace_back("\"}\n{\"name\":\"b\"}\n");
  auto const report = import(store, std::move(parts));
  EXPECT_EQ(report.added, 2);
  EXPECT_EQ(refusals(report), "2: The line is longer than 16777216 bytes.\n");
}

TEST(Import, NeedsACollection) {
  TestStore store;
  EXPECT_EQ(error_of([&] { import(store, {"{}\n"}); }).status(), 404);
}

TEST(Import, GoesThroughManyBatches) {
  TestStore store;
  store.declare(documents());
  std::string lines;
  for (int i = 0; i < 1'234; ++i)
    lines += (i % 10 == 0 ? "{\"n\":1}" : "{\"name\":\"" + std::to_string(i) + "\"}") + "\n";
  auto const report = import(store, {lines});
  EXPECT_EQ(report.added, 1'110);
  EXPECT_EQ(report.refused, 124);
  EXPECT_EQ(report.refusals.back().line, 991);
  EXPECT_EQ(store.changes().size(), 1'110U);
}

RC_GTEST_PROP(Import, MayBeCutAnywhere, ()) {
  static auto const store = [] {
    auto made = std::make_unique<TestStore>();
    made->declare(documents());
    return made;
  }();
  store->run(store->database->write(sql::Statement("DELETE FROM documents")));
  std::string const bytes =
      "\xEF\xBB\xBF{\"name\":\"\xC3\xA1\"}\r\n\r\n{\"name\":\"b\"}\n{\n{\"name\":\"c\",\"n\":1.5}\n"
      "{\"name\":\"d\"}\n{\"name\":\"last\"}";
  std::vector<std::string> parts{""};
  for (char const c : bytes) {
    if (*rc::gen::inRange(0, 4) == 0) parts.emplace_back();
    parts.back() += c;
  }
  auto const report = import(*store, parts);
  RC_ASSERT(report.added == 4);
  RC_ASSERT(report.refusals.size() == 2U);
  RC_ASSERT(report.refusals[0].line == 4);
  RC_ASSERT(report.refusals[1].line == 5);
  RC_ASSERT(store->list("documents", "name = '\xC3\xA1' || name = 'last'").total_items == 2);
}

// Open documents.

Json any_value(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 9 : 7)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<std::int64_t>();
    case 3:
      return *rc::gen::arbitrary<std::uint64_t>();
    case 4: {
      auto const bits = *rc::gen::arbitrary<std::uint64_t>();
      double real = 0;
      static_assert(sizeof real == sizeof bits);
      std::memcpy(&real, &bits, sizeof real);
      return std::isfinite(real) ? Json(real) : Json(-0.0);
    }
    case 5:
      return *rc::gen::arbitrary<double>();
    case 6:
      return Json(*rc::gen::element<std::string>("", "text", "\xF0\x9F\x98\x80", "\"\\\n\t\x01",
                                                 "2022-01-01", "5", "[1]", "null"));
    case 7: {
      JsonArray list;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) list.push_back(any_value(depth - 1));
      return list;
    }
    default: {
      JsonObject object;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        object[*rc::gen::element<std::string>("a", "B", "", "a.b", "$x", "\"", "\xC3\xA1", "id",
                                              "expand", "_open", "x+", "+x", "x-")] =
            any_value(depth - 1);
      }
      return object;
    }
  }
}

RC_GTEST_PROP(OpenDocuments, ComeBackAsTheyWere, ()) {
  static auto const store = [] {
    auto made = std::make_unique<TestStore>();
    made->declare(documents());
    return made;
  }();
  auto input = any_value(0).is_null() ? JsonObject{} : JsonObject{{"first", any_value(3)}};
  for (auto const* key : {"_open", "+x", "x-", "a.b", "\"", "$x", "zero"})
    input[key] = any_value(3);
  input["negative zero"] = -0.0;
  input["name"] = "document";
  auto const created = store->create("documents", input);
  auto const id = text_of(created, "id");
  auto const viewed = store->view("documents", id);
  RC_ASSERT(json_text(viewed) == json_text(created));
  RC_ASSERT(etag(viewed) == etag(created));
  for (auto const& pair : input)
    RC_ASSERT(json_text(viewed.at(pair.key())) == json_text(pair.value()));
  auto const again = store->update("documents", id, R"({"n":1})");
  RC_ASSERT(etag(store->view("documents", id)) == etag(again));
  for (auto const& pair : input)
    RC_ASSERT(json_text(again.at(pair.key())) == json_text(pair.value()));
  auto const logged = store->changes().back();
  RC_ASSERT(json_text(logged.record) == json_text(again));
  RC_ASSERT(json_text(logged.before) == json_text(viewed));
}

}  // namespace
}  // namespace minga::records
