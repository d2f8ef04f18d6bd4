// Texts that records get without being given any.
#include "records/store_testing.hpp"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <set>
#include <string>

namespace minga::records {
namespace {

class Autogenerate : public testing::Test {
 protected:
  Autogenerate() {
    store.declare(open_to_all(
        "vouchers",
        {text("code").required().pattern("^[A-Z]{3}-[0-9]{4}$").autogenerate("[A-Z]{3}-[0-9]{4}"),
         text("slug").max(20).autogenerate("[a-z]{6}"), text("title"),
         text("token").hidden().nullable().autogenerate("[a-z0-9]{30}"), number("amount"),
         relation("friends", "vouchers").many(3)}));
  }
  /// An Error's codes, by field.
  std::string refused(std::string_view input) {
    return codes_of(error_of([&] { store.create("vouchers", input); }));
  }

  TestStore store;
};

TEST_F(Autogenerate, FillsWhatIsAbsentEmptyOrNull) {
  std::set<std::string> codes;
  for (auto const* input : {"{}", R"({"code":""})", R"({"code":null})"}) {
    auto const record = store.create("vouchers", input);
    EXPECT_TRUE(RE2::FullMatch(text_of(record, "code"), "[A-Z]{3}-[0-9]{4}"));
    EXPECT_TRUE(RE2::FullMatch(text_of(record, "slug"), "[a-z]{6}"));
    EXPECT_EQ(text_of(record, "title"), "");
    EXPECT_EQ(store.view("vouchers", text_of(record, "id")), record);
    codes.insert(text_of(record, "code"));
  }
  EXPECT_EQ(codes.size(), 3U);
}

TEST_F(Autogenerate, KeepsWhatIsGivenAndChecksIt) {
  EXPECT_EQ(text_of(store.create("vouchers", R"({"code":"ABC-0001"})"), "code"), "ABC-0001");
  EXPECT_EQ(refused(R"({"code":"abc"})"), "code: validation_invalid_format");
  EXPECT_EQ(refused(R"({"code":[]})"), "code: validation_unsupported_value_type");
}

TEST_F(Autogenerate, TakesTheModifiersValueAsPrefix) {
  auto const record = store.create("vouchers", R"({"slug":"lost","slug:autogenerate":"my-"})");
  EXPECT_TRUE(RE2::FullMatch(text_of(record, "slug"), "my-[a-z]{6}"));
  EXPECT_EQ(text_of(store.create("vouchers", R"({"title:autogenerate":"as it is"})"), "title"),
            "as it is");
  EXPECT_EQ(refused(R"({"slug:autogenerate":"more-than-14-characters"})"),
            "slug: validation_max_text_constraint");
  EXPECT_EQ(refused(R"({"slug:autogenerate":[1]})"), "slug: validation_unsupported_value_type");
  EXPECT_EQ(refused(R"({"amount:autogenerate":1,"friends:autogenerate":"a"})"),
            "amount: validation_invalid_value, friends: validation_invalid_value");
}

TEST_F(Autogenerate, ChangesNothingLaterUnlessAsked) {
  auto const record = store.create("vouchers", "{}");
  auto const id = text_of(record, "id");
  EXPECT_EQ(text_of(store.update("vouchers", id, R"({"title":"a"})"), "slug"),
            text_of(record, "slug"));
  EXPECT_EQ(text_of(store.update("vouchers", id, R"({"slug":""})"), "slug"), "");
  auto const asked = store.update("vouchers", id, R"({"slug:autogenerate":null})");
  EXPECT_TRUE(RE2::FullMatch(text_of(asked, "slug"), "[a-z]{6}"));
}

TEST_F(Autogenerate, GivesHiddenFieldsTheirTextWhateverIsSent) {
  auto const record = store.create("vouchers", R"({"token":"mine","token:autogenerate":"mine"})");
  EXPECT_TRUE(RE2::FullMatch(text_of(record, "token"), "[a-z0-9]{30}"));
}

TEST_F(Autogenerate, MakesIdsOfTheCollectionsOwnPattern) {
  auto id = text("id").min(6).max(6).pattern("^[0-9]+$").required().autogenerate("[0-9]{6}");
  store.declare(open_to_all("numbered", {id}));
  EXPECT_TRUE(RE2::FullMatch(text_of(store.create("numbered", "{}"), "id"), "[0-9]{6}"));
  EXPECT_EQ(text_of(store.create("numbered", R"({"id":"123456"})"), "id"), "123456");
}

TEST(AutogenerateUnique, LooksForATextThatIsFree) {
  TestStore store;
  store.declare(open_to_all(
      "seats", {text("number").required().unique().autogenerate("[0-9]"), text("name").unique()}));
  // Nine of ten are taken: a single draft would find the tenth in one of ten creates.
  for (auto const taken : {1, 2, 3, 4, 5, 6, 7, 8, 9})
    store.create("seats", R"({"number":)" + std::to_string(taken) + R"(,"name":")" +
                              std::to_string(taken) + R"("})");
  int found = 0;
  for (int i = 0; i < 100; ++i) {
    auto const error = error_of([&] {
      auto const seat = store.create("seats", R"({"name":"x"})");
      EXPECT_EQ(text_of(seat, "number"), "0");
      store.remove("seats", text_of(seat, "id"));
      ++found;
    });
    if (error.status() != 0) {
      EXPECT_EQ(codes_of(error), "number: validation_not_unique");
    }
  }
  EXPECT_GT(found, 20);  // 41 are expected of five drafts; one in a million runs has fewer than 20
  EXPECT_LT(found, 100);
  EXPECT_EQ(codes_of(error_of([&] { store.create("seats", R"({"number":"5","name":"y"})"); })),
            "number: validation_not_unique");
}

TEST(AutogenerateUnique, DraftsImportedRecordsAnewToo) {
  TestStore store;
  store.declare(open_to_all("seats", {text("number").unique().autogenerate("[0-9]{2}")}));
  std::vector<JsonObject> inputs(60);
  auto const result = store.run(store.store->create_many(store.context, "seats", inputs));
  // One draft each would give some 45; five leave one in fifty without, or fewer.
  EXPECT_GT(result.added, 52);
  EXPECT_EQ(static_cast<std::size_t>(result.added) + result.refused.size(), 60U);
  EXPECT_EQ(store.list("seats", "").total_items, result.added);
}

}  // namespace
}  // namespace minga::records
