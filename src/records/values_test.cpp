// Every code of API.md's table that a field of this version can give, and what is taken.
#include "records/values.hpp"

#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <ostream>
#include <string>

namespace minga::records {
namespace {

/// What becomes of the input: the value as JSON text, or "code {params} message".
std::string outcome(Field const& field, Json const& input) {
  FieldErrors errors;
  auto const value = read_value(field, input, errors);
  if (value) check_value(field, *value, errors);
  auto const error = error_of([&] { errors.throw_if_any("Failed."); });
  if (error.status() == 0) return json_text(*value);
  auto const& data = error.data().at(field.name).as_object();
  return fmt::format("{} {} {}", text_of(data, "code"),
                     data.contains("params") ? json_text(data.at("params")) : std::string("{}"),
                     text_of(data, "message"));
}

struct Case {
  std::string title;
  Field field;
  std::string input;     // JSON
  std::string expected;  // a prefix
};
void PrintTo(Case const& each, std::ostream* out) {
  *out << each.title << " <- " << each.input;
}

class Values : public testing::TestWithParam<Case> {};
TEST_P(Values, AreTakenOrRefused) {
  auto const& each = GetParam();
  auto const found = outcome(each.field, read_json(each.input));
  EXPECT_EQ(found.substr(0, each.expected.size()), each.expected) << found;
  auto const is_value = each.expected.find("validation_") == std::string::npos;
  if (is_value) {
    EXPECT_EQ(found, each.expected);
  }
}

Field domains(Field field, std::vector<std::string> only, std::vector<std::string> except) {
  field.only_domains = std::move(only);
  field.except_domains = std::move(except);
  return field;
}
Field nullable(Field field) {
  return field.nullable();
}

std::string const kUnsupported =
    "validation_unsupported_value_type {} Invalid or unsupported value type.";
std::string const kRequired = "validation_required {} Cannot be blank.";

INSTANTIATE_TEST_SUITE_P(
    Text, Values,
    testing::Values(
        Case{"text", text("f"), R"("a")", R"("a")"}, Case{"text", text("f"), "5", R"("5")"},
        Case{"text", text("f"), "1.5", R"("1.5")"}, Case{"text", text("f"), "true", R"("true")"},
        Case{"text", text("f"), "null", R"("")"}, Case{"text", text("f"), "[]", kUnsupported},
        Case{"text", text("f"), "{}", kUnsupported},
        Case{"nullable", nullable(text("f")), "null", "null"},
        Case{"nullable", nullable(text("f")), R"("")", R"("")"},
        Case{"required", text("f").required(), R"("")", kRequired},
        Case{"required", text("f").required(), "null", kRequired},
        Case{"min", text("f").min(3), R"("ab")",
             R"(validation_min_text_constraint {"min":3} Must be at least 3 character(s).)"},
        Case{"min", text("f").min(3), R"("abc")", R"("abc")"},
        Case{"min counts characters", text("f").min(3), R"("\u00e1\u00e9")",
             "validation_min_text_constraint"},
        Case{"min of nothing", text("f").min(3), R"("")", R"("")"},
        Case{"max", text("f").max(3), R"("abcd")",
             R"(validation_max_text_constraint {"max":3} Must be no more than 3 character(s).)"},
        Case{"max counts characters", text("f").max(3), R"("\u00e1\u00e9\u00ed")",
             "\"\xC3\xA1\xC3\xA9\xC3\xAD\""},
        Case{"max by default", text("f"), "\"" + std::string(5'001, 'x') + "\"",
             R"(validation_max_text_constraint {"max":5000})"},
        Case{"max by default", text("f"), "\"" + std::string(5'000, 'x') + "\"",
             "\"" + std::string(5'000, 'x') + "\""},
        Case{"pattern", text("f").pattern("^[a-z]+$"), R"("A")",
             "validation_invalid_format {} Invalid value format."},
        Case{"pattern is unanchored", text("f").pattern("b"), R"("abc")", R"("abc")"}));

INSTANTIATE_TEST_SUITE_P(
    Number, Values,
    testing::Values(
        Case{"number", number("f"), "1.5", "1.5"}, Case{"number", number("f"), "3.0", "3"},
        Case{"number", number("f"), R"("2.5")", "2.5"}, Case{"number", number("f"), R"("")", "0"},
        Case{"number", number("f"), "null", "0"},
        Case{"nullable", nullable(number("f")), "null", "null"},
        Case{"number", number("f"), "-0.0", "0"}, Case{"number", number("f"), "1e300", "1e+300"},
        Case{"number", number("f"), R"("x")", "validation_not_a_number"},
        Case{"number", number("f"), R"("1x")", "validation_not_a_number"},
        Case{"number", number("f"), R"(" 1")", "validation_not_a_number"},
        Case{"number", number("f"), R"("NaN")", "validation_not_a_number"},
        Case{"number", number("f"), R"("inf")", "validation_not_a_number"},
        Case{"number", number("f"), R"("1e999")", "validation_not_a_number"},
        Case{"number", number("f"), "true", "validation_not_a_number"},
        Case{"number", number("f"), "[1]", "validation_not_a_number"},
        Case{"min", number("f").min(2), "1",
             R"(validation_min_number_constraint {"min":2} Must be greater or equal than 2.)"},
        Case{"max", number("f").max(2.5), "3",
             R"(validation_max_number_constraint {"max":2.5} Must be less or equal than 2.5.)"},
        Case{"0 is unset", number("f").min(2).max(5), "0", "0"},
        Case{"required", number("f").required(), "0", kRequired},
        Case{"integer", number("f").integer(), "9223372036854775807", "9223372036854775807"},
        Case{"integer", number("f").integer(), R"("-9223372036854775808")", "-9223372036854775808"},
        Case{"integer", number("f").integer(), "5.0", "5"},
        Case{"integer", number("f").integer(), R"("5e2")", "500"},
        Case{"integer", number("f").integer(), "1.5",
             "validation_only_int_constraint {} Decimal numbers are not allowed."},
        Case{"integer", number("f").integer(), R"("1.5")", "validation_only_int_constraint"},
        Case{"integer", number("f").integer(), "9223372036854775808", "validation_not_a_number"},
        Case{"integer", number("f").integer(), "1e300", "validation_only_int_constraint"},
        Case{"integer", number("f").integer(), R"("x")", "validation_not_a_number"},
        Case{"integer", number("f").integer(), "true", "validation_not_a_number"}));

INSTANTIATE_TEST_SUITE_P(
    Bool, Values,
    testing::Values(
        Case{"bool", boolean("f"), "true", "true"}, Case{"bool", boolean("f"), "1", "true"},
        Case{"bool", boolean("f"), R"("true")", "true"},
        Case{"bool", boolean("f"), R"("1")", "true"}, Case{"bool", boolean("f"), "0", "false"},
        Case{"bool", boolean("f"), R"("false")", "false"},
        Case{"bool", boolean("f"), R"("0")", "false"}, Case{"bool", boolean("f"), "null", "false"},
        Case{"bool", boolean("f"), "2", R"(validation_invalid_value {"value":2} Invalid value 2.)"},
        Case{"bool", boolean("f"), R"("yes")", "validation_invalid_value"},
        Case{"required", boolean("f").required(), "false", kRequired}));

INSTANTIATE_TEST_SUITE_P(
    EmailAndUrl, Values,
    testing::Values(
        Case{"email", email("f"), R"("a.b+c@example.org")", R"("a.b+c@example.org")"},
        Case{"email", email("f"), R"("")", R"("")"},
        Case{"email", email("f"), R"("nobody")",
             "validation_is_email {} Must be a valid email address."},
        Case{"email", email("f"), R"("a@b")", "validation_is_email"},
        Case{"email", email("f"), R"("a@b@example.org")", "validation_is_email"},
        Case{"email", email("f"), R"("a@example.org\n")", "validation_is_email"},
        Case{"email", email("f"), "\"" + std::string(65, 'a') + "@example.org\"",
             "validation_is_email"},
        Case{"only", domains(email("f"), {"example.org"}, {}), R"("a@EXAMPLE.org")",
             R"("a@EXAMPLE.org")"},
        Case{"only", domains(email("f"), {"example.org"}, {}), R"("a@example.com")",
             "validation_email_domain_not_allowed"},
        Case{"except", domains(email("f"), {}, {"example.org"}), R"("a@example.org")",
             "validation_email_domain_not_allowed"},
        Case{"url", url("f"), R"("https://example.org/a?b#c")", R"("https://example.org/a?b#c")"},
        Case{"url", url("f"), R"("/relative")", "validation_invalid_url {} Must be a valid url."},
        Case{"url", url("f"), R"("example.org")", "validation_invalid_url"},
        Case{"url", url("f"), R"("https://")", "validation_invalid_url"},
        Case{"url", url("f"), R"("https://a b")", "validation_invalid_url"},
        Case{"except", domains(url("f"), {}, {"example.org"}), R"("https://example.org/")",
             "validation_url_domain_not_allowed"},
        Case{"only", domains(url("f"), {"example.org"}, {}), R"("https://example.org:81/")",
             R"("https://example.org:81/")"}));

INSTANTIATE_TEST_SUITE_P(
    Date, Values,
    testing::Values(
        Case{"date", date("f"), R"("2022-01-01 10:00:00.123Z")", R"("2022-01-01 10:00:00.123Z")"},
        Case{"date", date("f"), R"("2022-01-01T10:00:00.1239+02:00")",
             R"("2022-01-01 08:00:00.123Z")"},
        Case{"date", date("f"), R"("2022-01-01")", R"("2022-01-01 00:00:00.000Z")"},
        Case{"date", date("f"), R"("2022-01-01 10:00")", R"("2022-01-01 10:00:00.000Z")"},
        Case{"date", date("f"), "1641031200", R"("2022-01-01 10:00:00.000Z")"},
        Case{"date", date("f"), R"("")", R"("")"}, Case{"date", date("f"), "null", R"("")"},
        Case{"date", date("f"), R"("2022-02-30")",
             "validation_date_invalid {} Must be a valid date."},
        Case{"date", date("f"), R"("soon")", "validation_date_invalid"},
        Case{"date", date("f"), "1.5", "validation_date_invalid"},
        Case{"date", date("f"), "99999999999999", "validation_date_invalid"},
        Case{
            "min", date("f").between("2022-01-01", ""), R"("2021-12-31")",
            R"(validation_min_greater_equal_than_required {"threshold":"2022-01-01 00:00:00.000Z"} Must be no less than 2022-01-01 00:00:00.000Z.)"},
        Case{
            "max", date("f").between("", "2022-01-01"), R"("2022-01-01 00:00:00.001Z")",
            R"(validation_max_less_equal_than_required {"threshold":"2022-01-01 00:00:00.000Z"} Must be no greater than 2022-01-01 00:00:00.000Z.)"},
        Case{"required", date("f").required(), R"("")", kRequired}));

Field one() {
  return select("f", {"a", "b", "c"});
}
Field two() {
  return select("f", {"a", "b", "c"}).many(2);
}
INSTANTIATE_TEST_SUITE_P(
    SelectAndRelation, Values,
    testing::Values(
        Case{"one", one(), R"("a")", R"("a")"}, Case{"one", one(), R"(["a","b"])", R"("b")"},
        Case{"one", one(), R"("[\"a\",\"b\"]")", R"("b")"}, Case{"one", one(), "null", R"("")"},
        Case{"one", one(), "[]", R"("")"},
        Case{"one", one(), R"("x")", R"(validation_invalid_value {"value":"x"} Invalid value x.)"},
        Case{"one", one(), "{}", kUnsupported}, Case{"required", one().required(), "[]", kRequired},
        Case{"many", two(), R"("a")", R"(["a"])"},
        Case{"many", two(), R"(["a","","b","a",null])", R"(["a","b"])"},
        Case{"many", two(), R"("[\"b\",\"a\"]")", R"(["b","a"])"},
        Case{"many", two(), R"(["a","b","c"])",
             R"(validation_too_many_values {"maxSelect":2} Select no more than 2.)"},
        Case{"many", two(), R"(["a","x"])", "validation_invalid_value"},
        Case{"many", two(), R"(["a",["b"]])", kUnsupported},
        Case{"min", select("f", {"a", "b"}).many(3, 2), R"(["a"])",
             R"(validation_not_enough_values {"minSelect":2} Select at least 2.)"},
        Case{"min", select("f", {"a", "b"}).many(3, 2), "[]", "validation_not_enough_values"},
        Case{"relation", relation("f", "c"), R"("abc")", R"("abc")"},
        Case{"relation", relation("f", "c").many(3), R"(["x","y","x"])", R"(["x","y"])"},
        Case{"numbers are names too", select("f", {"5"}), "5", R"("5")"}));

INSTANTIATE_TEST_SUITE_P(
    JsonValues, Values,
    testing::Values(Case{"json", json("f"), R"({"a":[1,2.5,null]})", R"({"a":[1,2.5,null]})"},
                    Case{"json", json("f"), R"("text")", R"("text")"},
                    Case{"json", json("f"), "null", "null"},
                    Case{"required", json("f").required(), "null", kRequired},
                    Case{"required", json("f").required(), R"("")", kRequired},
                    Case{"required", json("f").required(), "[]", kRequired},
                    Case{"required", json("f").required(), "{}", kRequired},
                    Case{"required", json("f").required(), "0", "0"},
                    Case{"size", json("f").max_bytes(5), "[1,2]", "[1,2]"},
                    Case{"size", json("f").max_bytes(5), "[1,23]",
                         R"(validation_json_size_limit {"maxSize":5})"},
                    Case{"size by default", json("f"), "\"" + std::string(1'048'576, 'x') + "\"",
                         R"(validation_json_size_limit {"maxSize":1048576})"}));

// Modifiers.

std::string modified(Field const& field, std::string_view stored, Modifier modifier,
                     std::string_view operand) {
  FieldErrors errors;
  auto const value = apply_modifier(field, read_json(stored), modifier, read_json(operand), errors);
  if (value) check_value(field, *value, errors);
  auto const error = error_of([&] { errors.throw_if_any("Failed."); });
  return error.status() == 0 ? json_text(*value) : codes_of(error);
}

TEST(Modifiers, OfNumbers) {
  auto const real = number("f");
  auto const whole = number("f").integer();
  EXPECT_EQ(modified(real, "1.5", Modifier::append, "2"), "3.5");
  EXPECT_EQ(modified(real, "1.5", Modifier::remove, "\"0.5\""), "1");
  EXPECT_EQ(modified(nullable(real), "null", Modifier::append, "2"), "2");
  EXPECT_EQ(modified(whole, "9007199254740993", Modifier::append, "1"), "9007199254740994");
  EXPECT_EQ(modified(whole, "-9223372036854775807", Modifier::remove, "1"), "-9223372036854775808");
  EXPECT_EQ(modified(real, "1", Modifier::append, "\"x\""), "f: validation_not_a_number");
  EXPECT_EQ(modified(whole, "1", Modifier::append, "0.5"), "f: validation_only_int_constraint");
  EXPECT_EQ(modified(real, "1", Modifier::prepend, "1"), "f: validation_invalid_value");
  EXPECT_EQ(modified(text("f"), "\"a\"", Modifier::append, "\"b\""), "f: validation_invalid_value");
}

TEST(Modifiers, ASumThatNothingHoldsIsRefused) {
  auto const whole = number("f").integer();
  EXPECT_EQ(modified(whole, "9223372036854775807", Modifier::append, "1"),
            "f: validation_not_a_number");
  EXPECT_EQ(modified(whole, "0", Modifier::remove, "-9223372036854775808"),
            "f: validation_not_a_number");
  EXPECT_EQ(modified(whole, "-1", Modifier::remove, "-9223372036854775808"), "9223372036854775807");
  EXPECT_EQ(modified(number("f"), "1.7e308", Modifier::append, "1.7e308"),
            "f: validation_not_a_number");
}

TEST(Modifiers, OfLists) {
  auto const list = select("f", {"a", "b", "c"}).many(2);
  EXPECT_EQ(modified(list, R"(["a"])", Modifier::append, R"("b")"), R"(["a","b"])");
  EXPECT_EQ(modified(list, R"(["a"])", Modifier::prepend, R"(["b"])"), R"(["b","a"])");
  EXPECT_EQ(modified(list, R"(["a","b"])", Modifier::append, R"("a")"), R"(["b","a"])");
  EXPECT_EQ(modified(list, R"(["a","b"])", Modifier::remove, R"(["a","x"])"), R"(["b"])");
  EXPECT_EQ(modified(list, R"(["a","b"])", Modifier::append, R"("c")"),
            "f: validation_too_many_values");
  EXPECT_EQ(modified(one(), R"("a")", Modifier::append, R"("b")"), R"("b")");
  EXPECT_EQ(modified(one(), R"("a")", Modifier::remove, R"("a")"), R"("")");
}

// Columns.

RC_GTEST_PROP(Columns, GiveBackWhatWasStored, (double real, std::int64_t whole, bool truth)) {
  RC_PRE(std::isfinite(real));
  auto const back = [](Field const& field, Json const& value) {
    return from_column(field, to_column(field, value));
  };
  RC_ASSERT(back(number("f"), real).to_number<double>() == real);
  RC_ASSERT(back(number("f").integer(), whole) == Json(whole));
  auto const stored = to_column(boolean("f"), truth);
  RC_ASSERT(std::get<bool>(stored) == truth);
  RC_ASSERT(from_column(boolean("f"), std::int64_t{truth}) == Json(truth));
  JsonObject document{{"real", real}, {"whole", whole}, {"list", JsonArray{truth, nullptr}}};
  RC_ASSERT(json_text(back(json("f"), document)) == json_text(document));
}

}  // namespace
}  // namespace minga::records
