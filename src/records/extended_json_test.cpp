#include "records/extended_json.hpp"

#include "base/json_text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ostream>
#include <string>

namespace minga::records {
namespace {

struct Form {
  std::string extended, plain;
};
void PrintTo(Form const& form, std::ostream* out) {
  *out << form.extended;
}

class Forms : public testing::TestWithParam<Form> {};
TEST_P(Forms, ArePlainJson) {
  EXPECT_EQ(json_text(from_extended_json(read_json(GetParam().extended))), GetParam().plain);
}

INSTANTIATE_TEST_SUITE_P(
    Converted, Forms,
    testing::Values(
        Form{R"({"$oid":"507f1f77bcf86cd799439011"})", R"("507f1f77bcf86cd799439011")"},
        Form{R"({"$date":"2022-01-01T10:00:00.123Z"})", R"("2022-01-01 10:00:00.123Z")"},
        Form{R"({"$date":"2022-01-01T12:00:00.123+0200"})", R"("2022-01-01 10:00:00.123Z")"},
        Form{R"({"$date":{"$numberLong":"1641031200123"}})", R"("2022-01-01 10:00:00.123Z")"},
        Form{R"({"$date":1641031200123})", R"("2022-01-01 10:00:00.123Z")"},
        Form{R"({"$date":{"$numberLong":"-1"}})", R"("1969-12-31 23:59:59.999Z")"},
        Form{R"({"$numberInt":"-5"})", "-5"},
        Form{R"({"$numberLong":"9223372036854775807"})", "9223372036854775807"},
        Form{R"({"$numberLong":"-9223372036854775808"})", "-9223372036854775808"},
        Form{R"({"$numberDouble":"1.5"})", "1.5"}, Form{R"({"$numberDouble":1.5})", "1.5"},
        Form{R"({"$numberDouble":"NaN"})", R"("NaN")"},
        Form{R"({"$numberDouble":"Infinity"})", R"("Infinity")"},
        Form{R"({"$numberDouble":"-Infinity"})", R"("-Infinity")"},
        Form{R"({"$numberDecimal":"0.1000"})", R"("0.1000")"},
        Form{R"({"$binary":{"base64":"AQID","subType":"00"}})", R"("AQID")"},
        Form{R"({"$binary":"AQID","$type":"00"})", R"("AQID")"},
        Form{R"({"$uuid":"3b241101-e2bb-4255-8caf-4136c566a962"})",
             R"("3b241101-e2bb-4255-8caf-4136c566a962")"},
        Form{R"({"$timestamp":{"t":1641031200,"i":1}})", R"("2022-01-01 10:00:00.000Z")"},
        Form{R"({"$regularExpression":{"pattern":"^a","options":"i"}})", R"("/^a/i")"},
        Form{R"({"$regex":"^a","$options":"i"})", R"("/^a/i")"},
        Form{R"({"$options":"i","$regex":"^a"})", R"("/^a/i")"},
        Form{R"({"$regex":"^a"})", R"("/^a/")"}, Form{R"({"$symbol":"s"})", R"("s")"},
        Form{R"({"$code":"f;"})", R"("f;")"}, Form{R"({"$code":"f;","$scope":{"x":1}})", R"("f;")"},
        Form{R"({"$undefined":true})", "null"}, Form{R"({"$minKey":1})", "null"},
        Form{R"({"$maxKey":1})", "null"},
        Form{R"({"a":[{"$numberInt":"1"},{"b":{"$oid":"x"}}]})", R"({"a":[1,{"b":"x"}]})"}));

INSTANTIATE_TEST_SUITE_P(
    LeftAlone, Forms,
    testing::Values(Form{R"({"$date":"soon"})", R"({"$date":"soon"})"},
                    Form{R"({"$date":{"$numberLong":"9223372036854775807"}})",
                         R"({"$date":9223372036854775807})"},
                    Form{R"({"$date":253402300800000})", R"({"$date":253402300800000})"},
                    Form{R"({"$date":-62167219200001})", R"({"$date":-62167219200001})"},
                    Form{R"({"$timestamp":{"t":9223372036854775,"i":1}})",
                         R"({"$timestamp":{"t":9223372036854775,"i":1}})"},
                    Form{R"({"$numberInt":"x"})", R"({"$numberInt":"x"})"},
                    Form{R"({"$numberLong":"9223372036854775808"})",
                         R"({"$numberLong":"9223372036854775808"})"},
                    Form{R"({"$numberDouble":"x"})", R"({"$numberDouble":"x"})"},
                    Form{R"({"$numberDouble":"1.5x"})", R"({"$numberDouble":"1.5x"})"},
                    Form{R"({"$oid":5})", R"({"$oid":5})"},
                    Form{R"({"$oid":"x","more":1})", R"({"$oid":"x","more":1})"},
                    Form{R"({"$oid":"x","$type":1})", R"({"$oid":"x","$type":1})"},
                    Form{R"({"$type":"00"})", R"({"$type":"00"})"},
                    Form{R"({"$gt":{"$numberInt":"1"}})", R"({"$gt":1})"}, Form{"{}", "{}"},
                    Form{"[]", "[]"},
                    Form{R"({"$ref":"c","$id":{"$oid":"x"}})", R"({"$ref":"c","$id":"x"})"}));

JsonObject imported(std::string_view text) {
  return document_from_export(read_json(text).as_object());
}

TEST(Documents, TakeTheirIdWhereItFits) {
  EXPECT_EQ(json_text(imported(R"({"_id":"abcdefghijklmno","a":1})")),
            R"({"a":1,"id":"abcdefghijklmno"})");
  EXPECT_EQ(json_text(imported(R"({"_id":{"$oid":"507f1f77bcf86cd799439011"}})")),
            R"({"_id":"507f1f77bcf86cd799439011"})");
  EXPECT_EQ(json_text(imported(R"({"_id":5})")), R"({"_id":5})");
  EXPECT_EQ(json_text(imported(R"({"_id":"abcdefghijklmno","id":"x"})")),
            R"({"_id":"abcdefghijklmno","id":"x"})");
  EXPECT_EQ(json_text(imported(R"({"$oid":"x"})")), R"({"$oid":"x"})")
      << "a document is never a form itself";
}

Json any_json(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 7 : 5)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<std::int64_t>();
    case 2:
      return *rc::gen::arbitrary<bool>();
    case 3:
    case 4:
      return Json(*rc::gen::string<std::string>());
    case 5: {
      JsonArray list;
      for (int i = *rc::gen::inRange(0, 3); i > 0; --i) list.push_back(any_json(depth - 1));
      return list;
    }
    default: {
      JsonObject object;
      for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
        auto const key = *rc::gen::element<std::string>(
            "a", "b", "$date", "$oid", "$numberLong", "$numberDouble", "$binary", "$type", "base64",
            "$timestamp", "t", "i", "$regex", "$options", "$regularExpression", "pattern");
        object[key] = any_json(depth - 1);
      }
      return object;
    }
  }
}

bool has_form_key(Json const& value) {
  return json_text(value).find("\"$") != std::string::npos;
}

RC_GTEST_PROP(AnyJson, IsConvertedOnceAndPlainJsonNotAtAll, ()) {
  auto const value = any_json(4);
  auto const plain = from_extended_json(value);
  if (!has_form_key(value)) RC_ASSERT(plain == value);
  RC_ASSERT(from_extended_json(value) == plain);
}

}  // namespace
}  // namespace minga::records
