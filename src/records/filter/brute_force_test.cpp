// Random filters over random records: what the database finds is what a second, naive evaluator
// finds that knows API.md section 4 and no SQL.
#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <vector>

namespace minga::records {
namespace {

// The naive evaluator.

/// What an operand is for one record.
struct Seen {
  enum class Kind { null, number, text, list };
  Kind kind = Kind::null;
  double number = 0;
  std::string text;
  std::vector<std::string> list;
  bool is_literal = false;
  bool tells_null = false;  // null is not ""
  bool is_date = false;
  bool is_json = false;
};

std::optional<double> decimal(std::string const& text) {
  static std::regex const shape(R"(-?[0-9]+(\.[0-9]+)?)");
  if (!std::regex_match(text, shape)) return std::nullopt;
  return std::stod(text);
}

std::string shown(Seen const& seen) {
  return seen.kind == Seen::Kind::number ? fmt::format("{}", seen.number) : seen.text;
}

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool like(char const* text, char const* pattern) {
  if (*pattern == '\0') return *text == '\0';
  if (*pattern == '%') return like(text, pattern + 1) || (*text != '\0' && like(text + 1, pattern));
  if (*text == '\0') return false;
  if (*pattern == '_') return like(text + 1, pattern + 1);
  if (*pattern == '\\' && pattern[1] != '\0') ++pattern;
  return *text == *pattern && like(text + 1, pattern + 1);
}

bool has_wildcard(std::string const& text) {
  static std::regex const escapes(R"(\\[^])");
  return std::regex_replace(text, escapes, "").find('%') != std::string::npos;
}

bool contains(Seen const& left, Seen const& right) {
  auto const text = lower(shown(left));
  auto part = lower(shown(right));
  if (right.is_literal && has_wildcard(part)) return like(text.c_str(), part.c_str());
  if (right.is_literal) part = std::regex_replace(part, std::regex(R"(\\([%_]))"), "$1");
  return text.find(part) != std::string::npos;
}

template <class T>
bool ordered(std::string_view op, T const& a, T const& b) {
  if (op == "=") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  if (op == ">") return a > b;
  return a >= b;
}

bool is_empty(Seen const& seen) {
  if (seen.kind == Seen::Kind::null) return true;
  return seen.kind == Seen::Kind::text && seen.text.empty() && !seen.tells_null;
}

bool compare_values(Seen const& a, std::string_view op, Seen const& b) {
  auto const text = Seen::Kind::text;
  if (a.kind == text && b.kind == text) return ordered(op, a.text, b.text);
  // A text column with a literal number: the literal's text. A value out of JSON: by value.
  auto const as_text = [](Seen const& column, Seen const& literal) {
    return column.kind == Seen::Kind::text && !column.is_literal && !column.is_json &&
           literal.is_literal && literal.kind == Seen::Kind::number;
  };
  if (as_text(a, b) || as_text(b, a)) return ordered(op, shown(a), shown(b));
  auto const x = a.kind == text ? decimal(a.text) : std::optional<double>(a.number);
  auto const y = b.kind == text ? decimal(b.text) : std::optional<double>(b.number);
  if (!x || !y) return op == "!=";
  return ordered(op, *x, *y);
}

bool holds_for_one(Seen const& a, std::string_view op, Seen const& b) {
  auto const a_null = a.kind == Seen::Kind::null;
  auto const b_null = b.kind == Seen::Kind::null;
  if (op == "~") return !a_null && !b_null && contains(a, b);
  if (op == "!~") return !a_null && !b_null && !contains(a, b);
  if (!a_null && !b_null) return compare_values(a, op, b);
  if (op != "=" && op != "!=") return false;
  auto const literal_null = (a_null && a.is_literal) || (b_null && b.is_literal);
  auto const equal = literal_null ? is_empty(a) && is_empty(b) : a_null && b_null;
  return equal == (op == "=");
}

Seen element(std::string const& text) {
  Seen seen;
  seen.kind = Seen::Kind::text;
  seen.text = text;
  return seen;
}

bool holds(Seen const& a, std::string_view op, bool any, Seen const& b) {
  for (auto const swapped : {false, true}) {
    auto const& list = swapped ? b : a;
    auto const& other = swapped ? a : b;
    if (list.kind != Seen::Kind::list) continue;
    auto const one = [&](std::string const& value, std::string_view with) {
      return swapped ? holds(other, with, any, element(value))
                     : holds(element(value), with, any, other);
    };
    auto const is_contains = op == "~" || op == "!~";
    if (!is_contains && other.is_literal && other.kind == Seen::Kind::text &&
        other.text.starts_with('[')) {
      JsonArray whole(list.list.begin(), list.list.end());
      auto const text = element(json_text(Json(whole)));
      return swapped ? holds(other, op, any, text) : holds(text, op, any, other);
    }
    auto values = list.list;
    if (any || op == "~")
      return std::any_of(values.begin(), values.end(), [&](auto const& v) { return one(v, op); });
    if (op == "!~")
      return std::none_of(values.begin(), values.end(), [&](auto const& v) { return one(v, "~"); });
    if (values.empty()) values.emplace_back();
    return std::all_of(values.begin(), values.end(), [&](auto const& v) { return one(v, op); });
  }
  return holds_for_one(a, op, b);
}

// Records and filters.

struct RandomOperand {
  std::string text;   // as it stands in the filter
  std::string field;  // or
  Json literal = nullptr;
};

Seen seen_value(Json const& value) {
  Seen seen;
  if (value.is_string()) {
    seen.kind = Seen::Kind::text;
    seen.text = std::string(value.get_string().data(), value.get_string().size());
  } else if (value.is_bool()) {
    seen.kind = Seen::Kind::number;
    seen.number = value.get_bool() ? 1 : 0;
  } else if (value.is_number()) {
    seen.kind = Seen::Kind::number;
    seen.number = value.to_number<double>();
  } else if (value.is_array()) {
    seen.kind = Seen::Kind::list;
    for (auto const& each : value.get_array())
      seen.list.emplace_back(each.get_string().data(), each.get_string().size());
  }
  return seen;
}

Seen look_at(RandomOperand const& operand, JsonObject const& record) {
  if (operand.field.empty()) {
    auto seen = seen_value(operand.literal);
    seen.is_literal = true;
    return seen;
  }
  if (operand.field == "j.k") {
    auto const* object = record.at("j").if_object();
    auto const* value = object == nullptr ? nullptr : object->if_contains("k");
    auto seen = value == nullptr ? Seen{} : seen_value(*value);
    if (seen.kind == Seen::Kind::list) seen = element(json_text(*value));
    seen.tells_null = seen.is_json = true;
    return seen;
  }
  auto seen = seen_value(record.at(operand.field));
  seen.tells_null = operand.field == "m";
  return seen;
}

struct RandomFilter {
  RandomOperand left, right;
  std::string op;
  bool any = false;
  std::vector<RandomFilter> parts;
  bool conjunction = false;

  std::string text() const {
    if (parts.empty()) return fmt::format("{} {}{} {}", left.text, any ? "?" : "", op, right.text);
    std::string joined;
    for (auto const& part : parts)
      joined += (joined.empty() ? "" : conjunction ? " && " : " || ") + part.text();
    return "(" + joined + ")";
  }

  bool matches(JsonObject const& record) const {
    auto const one = [&](RandomFilter const& part) {
      return part.matches(record);
    };
    if (parts.empty()) return holds(look_at(left, record), op, any, look_at(right, record));
    return conjunction ? std::all_of(parts.begin(), parts.end(), one)
                       : std::any_of(parts.begin(), parts.end(), one);
  }
};

std::string const kTexts[] = {"",   "a",    "A",   "ab",  "b",     "5",     "1.5", "-1", "0",
                              "1",  "%",    "a%",  "_",   "\\",    "a\\%b", "\\_", "[]", "[\"a\"]",
                              "x5", "null", "\"'", "\\%", "%\\\\", "aB%_b", "10"};
double const kNumbers[] = {0, 1, -1, 5, 1.5, -0.25, 10, 1e15, 0.1};
std::string const kChoices[] = {"a", "b", "ab", "5", "_"};

rc::Gen<std::string> any_text() {
  return rc::gen::elementOf(std::vector<std::string>(std::begin(kTexts), std::end(kTexts)));
}
rc::Gen<double> any_number() {
  return rc::gen::elementOf(std::vector<double>(std::begin(kNumbers), std::end(kNumbers)));
}

Json number_json(double number) {
  if (number == static_cast<double>(static_cast<std::int64_t>(number)))
    return static_cast<std::int64_t>(number);
  return number;
}

Json any_json() {
  switch (*rc::gen::inRange(0, 6)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return number_json(*any_number());
    case 3:
      return JsonArray{"a", "b"};
    default:
      return Json(*any_text());
  }
}

JsonObject any_record() {
  JsonObject record;
  record["t"] = *any_text();
  record["u"] = *any_text();
  if (*rc::gen::arbitrary<bool>()) record["m"] = *any_text();
  record["n"] = number_json(*any_number());
  record["c"] = *rc::gen::inRange(-2, 12);
  record["b"] = *rc::gen::arbitrary<bool>();
  JsonArray list;
  for (auto const& choice : kChoices) {
    if (*rc::gen::inRange(0, 3) == 0) list.emplace_back(choice);
  }
  record["l"] = std::move(list);
  if (*rc::gen::inRange(0, 3) > 0) record["j"] = JsonObject{{"k", any_json()}};
  return record;
}

RandomOperand any_operand() {
  static std::vector<std::string> const fields{"t", "u", "m", "n", "c", "b", "l", "j.k"};
  RandomOperand operand;
  if (*rc::gen::inRange(0, 5) < 3) {
    operand.text = operand.field = *rc::gen::elementOf(fields);
    return operand;
  }
  do {
    operand.literal = any_json();
  } while (operand.literal.is_array());
  operand.text = operand.literal.is_double() ? fmt::format("{}", operand.literal.get_double())
                                             : boost::json::serialize(operand.literal);
  return operand;
}

RandomFilter any_filter(int depth) {
  static std::vector<std::string> const operators{"=", "!=", "<", "<=", ">", ">=", "~", "!~"};
  RandomFilter filter;
  if (depth == 0 || *rc::gen::inRange(0, 3) == 0) {
    filter.left = any_operand();
    filter.right = any_operand();
    filter.op = *rc::gen::elementOf(operators);
    filter.any = *rc::gen::arbitrary<bool>();
    return filter;
  }
  filter.conjunction = *rc::gen::arbitrary<bool>();
  auto const count = *rc::gen::inRange(2, 4);
  for (int i = 0; i < count; ++i) filter.parts.push_back(any_filter(depth - 1));
  return filter;
}

class Pool {
 public:
  Pool() {
    store.declare(open_to_all(
        "pool", {text("t"), text("u"), text("m").nullable(), number("n"), number("c").integer(),
                 boolean("b"), select("l", {std::begin(kChoices), std::end(kChoices)}).many(5),
                 json("j")}));
  }
  std::vector<JsonObject> fill(std::vector<JsonObject> records) {
    store.run(store.database->write(sql::Statement("DELETE FROM pool")));
    auto const result =
        store.run(store.store->create_many(store.context, "pool", std::move(records)));
    RC_ASSERT(result.refused.empty());
    return store.run(store.store->scan(store.context, "pool", "", "", 1'000));
  }
  std::set<std::string> matches(std::string const& filter) {
    std::set<std::string> ids;
    for (auto const& record :
         store.run(store.store->scan(store.context, "pool", filter, "", 1'000)))
      ids.insert(text_of(record, "id"));
    return ids;
  }

  TestStore store;
};

RC_GTEST_PROP(BruteForce, FindsWhatTheDatabaseFinds, ()) {
  static auto const pool = std::make_unique<Pool>();
  std::vector<JsonObject> inputs;
  for (int i = 0; i < 8; ++i) inputs.push_back(any_record());
  auto const records = pool->fill(std::move(inputs));
  for (int i = 0; i < 20; ++i) {
    auto const filter = any_filter(i < 10 ? 0 : 3);
    auto const text = filter.text();
    auto const found = pool->matches(text);
    for (auto const& record : records) {
      if (filter.matches(record) == found.contains(text_of(record, "id"))) continue;
      RC_FAIL(fmt::format("{}\n{}\nthe database says {}", text, json_text(record),
                          found.contains(text_of(record, "id"))));
    }
  }
}

}  // namespace
}  // namespace minga::records
