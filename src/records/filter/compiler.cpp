// From a parsed filter to a condition in SQL: values bound, names from the definition alone.
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "records/filter/ast.hpp"
#include "records/filter/errors.hpp"
#include "records/filter/filter.hpp"
#include "records/filter/literals.hpp"
#include "records/filter/sources.hpp"
#include "records/filter/strftime.hpp"
#include "records/filter/term.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::records::filter {
namespace {

constexpr char const* kSqlOperators[] = {"=", "!=", ">", ">=", "<", "<="};

bool is_equality(Operator op) {
  return op == Operator::equal || op == Operator::not_equal;
}
bool is_contains(Operator op) {
  return op == Operator::contains || op == Operator::not_contains;
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    auto const end = std::min(path.find('.'), path.size());
    names.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return names;
}

Kind kind_of(Field const& field) {
  if (field.is_list()) return Kind::list;
  switch (field.type) {
    case FieldType::number:
      return Kind::number;
    case FieldType::boolean:
      return Kind::boolean;
    case FieldType::date:
    case FieldType::autodate:
      return Kind::date;
    case FieldType::json:
      return Kind::json;
    default:
      return Kind::text;
  }
}

/// A LIKE pattern from what stands right of ~: without an unescaped % it is looked for anywhere,
/// its _ and \ literal.
std::string contains_pattern(std::string const& text) {
  bool has_wildcard = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '%') {
      has_wildcard = true;
    }
  }
  if (has_wildcard) return text;
  std::string pattern = "%";
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const escape =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '%' || text[i + 1] == '_');
    if (escape) {
      pattern += {'\\', text[++i]};
    } else if (text[i] == '_' || text[i] == '\\') {
      pattern += {'\\', text[i]};
    } else {
      pattern += text[i];
    }
  }
  return pattern + "%";
}

class Compiler {
 public:
  Compiler(Scope const& scope, sql::Dialect const& dialect, std::size_t first)
      : scope_(scope), dialect_(dialect), first_(first), sources_(scope, dialect) {}

  Condition compile(Expression const& expression) {
    Condition condition;
    auto const sql = expression_sql(expression);
    condition.sql = used_.empty()
                        ? sql
                        : fmt::format("EXISTS (SELECT 1 FROM (SELECT 1) AS one{} WHERE {})",
                                      sources_.joins(used_, ""), sql);
    condition.values = std::move(values_);
    return condition;
  }

 private:
  /// Nested parts come first and only || within && stands in parentheses: SQLite's parser keeps
  /// what is left of a parenthesis on a stack of a hundred entries.
  std::string expression_sql(Expression const& expression) {
    if (expression.kind == Expression::Kind::comparison)
      return comparison_sql(expression.comparison);
    std::vector<Expression const*> parts;
    for (auto const& part : expression.parts) parts.push_back(part.get());
    std::stable_sort(parts.begin(), parts.end(), [](Expression const* a, Expression const* b) {
      return depth(*a) > depth(*b);
    });
    auto const is_conjunction = expression.kind == Expression::Kind::conjunction;
    std::string text;
    for (auto const* part : parts) {
      text += text.empty() ? "" : is_conjunction ? " AND " : " OR ";
      auto const grouped = is_conjunction && part->kind == Expression::Kind::disjunction;
      text += grouped ? "(" + expression_sql(*part) + ")" : expression_sql(*part);
    }
    return text;
  }

  static std::size_t depth(Expression const& expression) {
    std::size_t deepest = 0;
    for (auto const& part : expression.parts) deepest = std::max(deepest, 1 + depth(*part));
    return deepest;
  }

  std::string comparison_sql(Comparison const& comparison) {
    auto const left = term(comparison.left, "");
    auto const right = term(comparison.right, "");
    auto const any =
        comparison.any || is_distance(comparison.left) || is_distance(comparison.right);
    auto sql = terms_sql(left, comparison.op, any, right);
    std::set<std::string> multiple = left.sources;
    multiple.insert(right.sources.begin(), right.sources.end());
    used_.insert(multiple.begin(), multiple.end());
    auto const has_several = std::any_of(multiple.begin(), multiple.end(), [&](auto const& name) {
      return sources_.is_multiple(name);
    });
    if (any || !has_several) return sql;
    // Without ? it must hold on every row of the path, too.
    auto const every_left = term(comparison.left, "'");
    auto const every_right = term(comparison.right, "'");
    auto const every = terms_sql(every_left, comparison.op, any, every_right);
    return fmt::format("({} AND NOT EXISTS (SELECT 1 FROM (SELECT 1) AS one{} WHERE NOT ({})))",
                       sql, sources_.joins(multiple, "'"), every);
  }

  /// Several values in a distance are compared as with ?.
  static bool is_distance(Operand const& operand) {
    return operand.kind == Operand::Kind::call && operand.call->name == "geoDistance";
  }

  // Lists: each comparison looks at the values on its own.

  std::string terms_sql(Term const& left, Operator op, bool any, Term const& right) {
    if (left.kind == Kind::list) return list_sql(left, op, any, right, false);
    if (right.kind == Kind::list) return list_sql(right, op, any, left, true);
    return scalar_sql(left, op, right);
  }

  std::string list_sql(Term const& list, Operator op, bool any, Term const& other, bool swapped) {
    auto const whole = other.is_literal && std::holds_alternative<std::string>(other.literal) &&
                       std::get<std::string>(other.literal).starts_with('[') && !is_contains(op);
    Term value;
    value.kind = Kind::text;
    value.may_be_null = list.may_be_null;
    if (whole) {
      value.sql = list.sql;
      return swapped ? scalar_sql(other, op, value) : scalar_sql(value, op, other);
    }
    auto const name = fmt::format("\"v{}\"", ++list_count_);
    value.sql = name + ".value";
    auto const inside = [&](Operator inner) {
      return swapped ? terms_sql(other, inner, any, value) : terms_sql(value, inner, any, other);
    };
    auto const some = [&](Operator inner) {
      return fmt::format("EXISTS (SELECT 1 FROM {} WHERE {})", dialect_.list_rows(list.sql, name),
                         inside(inner));
    };
    if (any || op == Operator::contains) return some(op);
    if (op == Operator::not_contains) {
      auto const none = "NOT " + some(Operator::contains);
      return list.may_be_null ? fmt::format("({} IS NOT NULL AND {})", list.sql, none) : none;
    }
    // An empty list is one empty value, one of a row that is missing is one null.
    auto const never_empty =
        fmt::format("CASE WHEN {0} = '[]' THEN '[\"\"]' ELSE {1} END", list.sql,
                    list.may_be_null ? fmt::format("COALESCE({}, '[null]')", list.sql) : list.sql);
    return fmt::format("NOT EXISTS (SELECT 1 FROM {} WHERE NOT ({}))",
                       dialect_.list_rows(never_empty, name), inside(op));
  }

  std::string scalar_sql(Term const& left, Operator op, Term const& right) {
    if (is_contains(op)) return contains_sql(left, op, right);
    if (left.kind == Kind::null || right.kind == Kind::null)
      return null_sql(left.kind == Kind::null ? right : left, op, left.kind == right.kind);
    if (left.is_literal && !right.is_literal) return scalar_sql(right, mirrored(op), left);
    if (right.is_literal && !left.is_literal) return field_with_literal(left, op, right);
    return term_with_term(left, op, right);
  }

  static Operator mirrored(Operator op) {
    switch (op) {
      case Operator::greater:
        return Operator::less;
      case Operator::greater_equal:
        return Operator::less_equal;
      case Operator::less:
        return Operator::greater;
      case Operator::less_equal:
        return Operator::greater_equal;
      default:
        return op;
    }
  }

  std::string contains_sql(Term const& left, Operator op, Term const& right) {
    if (left.kind == Kind::null || right.kind == Kind::null) return "FALSE";
    auto const* wanted = op == Operator::contains ? "1" : "0";
    if (right.is_literal) {
      auto const pattern = bind(contains_pattern(shown(right.literal)));
      return fmt::format("COALESCE(minga_like({}, {}) = {}, FALSE)", sql_of(left), pattern, wanted);
    }
    return fmt::format("COALESCE(minga_contains({}, {}) = {}, FALSE)", sql_of(left), right.sql,
                       wanted);
  }

  /// = and != with null mean "not set"; an order with null never holds.
  std::string null_sql(Term const& other, Operator op, bool both_null) {
    if (!is_equality(op)) return "FALSE";
    auto const wanted = op == Operator::equal;
    if (both_null) return wanted ? "TRUE" : "FALSE";
    if (other.is_literal) {
      auto const* text = std::get_if<std::string>(&other.literal);
      return (text != nullptr && text->empty()) == wanted ? "TRUE" : "FALSE";
    }
    auto const is_text = other.kind == Kind::text || other.kind == Kind::date;
    if (is_text && !other.tells_null) {
      auto const empty = other.may_be_null ? fmt::format("COALESCE({}, '') = ''", other.sql)
                                           : fmt::format("{} = ''", other.sql);
      return wanted ? empty : "NOT (" + empty + ")";
    }
    return fmt::format("{} IS {}NULL", other.sql, wanted ? "" : "NOT ");
  }

  std::string field_with_literal(Term const& field, Operator op, Term const& literal) {
    auto const* text = std::get_if<std::string>(&literal.literal);
    switch (field.kind) {
      case Kind::text:
        return plain_sql(field, op, bind(shown(literal.literal)));
      case Kind::date:
        return plain_sql(field, op, bind(date_literal(shown(literal.literal))));
      case Kind::number:
      case Kind::boolean: {
        if (text == nullptr) return plain_sql(field, op, bind(as_number(literal.literal)));
        auto const number = decimal(*text);
        if (!number) return op == Operator::not_equal ? "TRUE" : "FALSE";
        return plain_sql(field, op, bind(*number));
      }
      default:
        return compare_sql(field.sql, op, bind(as_number(literal.literal)));
    }
  }

  static sql::Value as_number(sql::Value const& value) {
    if (auto const* truth = std::get_if<bool>(&value)) return std::int64_t{*truth ? 1 : 0};
    return value;
  }

  /// The engine's own comparison, made two-valued where a side may be null.
  std::string plain_sql(Term const& field, Operator op, std::string const& value) {
    auto const* sign = kSqlOperators[static_cast<int>(op)];
    if (!field.may_be_null) return fmt::format("{} {} {}", field.sql, sign, value);
    auto const is_text = field.kind == Kind::text || field.kind == Kind::date;
    if (is_equality(op) && is_text && !field.tells_null)
      return fmt::format("COALESCE({}, '') {} {}", field.sql, sign, value);
    return fmt::format("COALESCE({} {} {}, {})", field.sql, sign, value,
                       op == Operator::not_equal ? "TRUE" : "FALSE");
  }

  std::string term_with_term(Term const& left, Operator op, Term const& right) {
    auto const numbers = [](Kind kind) {
      return kind == Kind::number || kind == Kind::boolean;
    };
    auto const texts = [](Kind kind) {
      return kind == Kind::text || kind == Kind::date;
    };
    auto const alike =
        (numbers(left.kind) && numbers(right.kind)) || (texts(left.kind) && texts(right.kind));
    auto const literals = left.is_literal && right.is_literal;
    if (alike && !literals && !left.may_be_null && !right.may_be_null) {
      return fmt::format("{} {} {}", left.sql, kSqlOperators[static_cast<int>(op)], right.sql);
    }
    return compare_sql(operand_sql(left, op), op, operand_sql(right, op));
  }

  /// For = and != a missing text is the empty one.
  std::string operand_sql(Term const& term, Operator op) {
    auto const is_text = term.kind == Kind::text || term.kind == Kind::date;
    if (is_equality(op) && is_text && term.may_be_null && !term.tells_null)
      return fmt::format("COALESCE({}, '')", term.sql);
    return sql_of(term);
  }

  /// A literal is bound where it is used; a field is its column.
  std::string sql_of(Term const& term) {
    return term.is_literal ? bind(as_number(term.literal)) : term.sql;
  }

  static std::string compare_sql(std::string const& left, Operator op, std::string const& right) {
    return fmt::format("minga_compare('{}', {}, {}) = 1", kSqlOperators[static_cast<int>(op)], left,
                       right);
  }

  std::string bind(sql::Value value) {
    values_.push_back(std::move(value));
    return fmt::format("${}", first_ + values_.size() - 1);
  }

  // Operands.

  Term literal(Kind kind, sql::Value value) {
    Term term;
    term.kind = kind;
    term.is_literal = true;
    term.literal = value;
    return term;
  }

  Term term(Operand const& operand, std::string const& suffix) {
    switch (operand.kind) {
      case Operand::Kind::text:
        return literal(Kind::text, operand.text);
      case Operand::Kind::number:
        return literal(Kind::number, operand.is_integer ? sql::Value(operand.integer)
                                                        : sql::Value(operand.number));
      case Operand::Kind::call:
        return call_term(operand, suffix);
      default:
        return identifier_term(operand, suffix);
    }
  }

  Term identifier_term(Operand const& operand, std::string const& suffix) {
    std::string_view const name = operand.text;
    if (name.starts_with('@')) return macro_term(operand);
    auto const names = split(name);
    auto const place = sources_.find(names, operand.position, suffix);
    if (!place.rest.empty()) {
      if (auto found = field_term(place, operand, suffix)) return *found;
    }
    if (names.size() == 1 && operand.modifier.empty()) {
      if (equals_ignoring_case(name, "true")) return literal(Kind::boolean, true);
      if (equals_ignoring_case(name, "false")) return literal(Kind::boolean, false);
      if (equals_ignoring_case(name, "null")) return Term{};
    }
    throw invalid_filter(fmt::format("There is no field '{}'.", name), operand.position);
  }

  Term macro_term(Operand const& operand) {
    auto const name = std::string_view(operand.text).substr(1);
    if (auto value = macro(name, scope_.now)) {
      auto const is_text = std::holds_alternative<std::string>(*value);
      return literal(is_text ? Kind::text : Kind::number, std::move(*value));
    }
    for (std::string_view const root : {"request.", "collection."}) {
      if (!name.starts_with(root)) continue;
      if (!scope_.privileged)
        throw Error::forbidden(fmt::format("Only superusers can filter by @{}", root));
      throw invalid_filter(
          fmt::format("@{} is for rules with accounts, which this version does not have.", name),
          operand.position);
    }
    throw invalid_filter(fmt::format("There is no macro {}.", operand.text), operand.position);
  }

  std::optional<Term> field_term(Sources::Place const& place, Operand const& operand,
                                 std::string const& suffix) {
    auto const* field = place.collection->find(place.rest.front());
    if (field == nullptr) return open_term(place, operand);
    if (field->is_hidden && !scope_.privileged) return std::nullopt;
    Term term;
    term.kind = kind_of(*field);
    term.sql = fmt::format("{}.{}", place.alias, dialect_.quote(field->name));
    term.may_be_null = field->is_nullable || term.kind == Kind::json || !place.source.empty();
    term.tells_null = field->is_nullable || term.kind == Kind::json;
    if (!place.source.empty()) term.sources.insert(place.source);
    if (term.kind == Kind::json) {
      term.sql = dialect_.json_value(term.sql, {place.rest.begin() + 1, place.rest.end()});
    } else if (place.rest.size() > 1) {
      return std::nullopt;
    }
    apply_modifier(term, place, *field, operand, suffix);
    return term;
  }

  /// An undeclared key of an open collection is a path into its document.
  std::optional<Term> open_term(Sources::Place const& place, Operand const& operand) {
    if (!place.collection->open || is_word(operand.text)) return std::nullopt;
    Term term;
    term.kind = Kind::json;
    term.sql = dialect_.json_value(fmt::format("{}.\"_open\"", place.alias), place.rest);
    term.may_be_null = term.tells_null = true;
    if (!place.source.empty()) term.sources.insert(place.source);
    if (operand.modifier == "lower") {
      term.kind = Kind::text;
      term.sql = fmt::format("minga_lower({})", term.sql);
    } else if (!operand.modifier.empty()) {
      throw invalid_filter(
          fmt::format("The modifier :{} does not go with '{}'.", operand.modifier, operand.text),
          operand.position);
    }
    return term;
  }

  static bool is_word(std::string_view name) {
    return equals_ignoring_case(name, "true") || equals_ignoring_case(name, "false") ||
           equals_ignoring_case(name, "null");
  }

  void apply_modifier(Term& term, Sources::Place const& place, Field const& field,
                      Operand const& operand, std::string const& suffix) {
    auto const& modifier = operand.modifier;
    if (modifier.empty()) return;
    if (modifier == "length" && field.is_list()) {
      term.kind = Kind::number;
      term.sql = dialect_.list_length(term.sql);
    } else if (modifier == "each" && field.is_list()) {
      auto const source = sources_.each(place, field, operand.position);
      term.kind = Kind::text;
      term.sql = Sources::alias(source, suffix) + ".value";
      term.may_be_null = true;
      term.sources.insert(source);
    } else if (modifier == "lower" && (term.kind == Kind::text || term.kind == Kind::json)) {
      term.kind = Kind::text;
      term.sql = fmt::format("minga_lower({})", term.sql);
    } else {
      throw invalid_filter(
          fmt::format("The modifier :{} does not go with '{}'.", modifier, operand.text),
          operand.position);
    }
  }

  Term call_term(Operand const& operand, std::string const& suffix) {
    auto const& call = *operand.call;
    if (call.name == "geoDistance") return distance_term(operand, suffix);
    if (call.name == "strftime") return strftime_term(operand, suffix);
    throw invalid_filter(fmt::format("There is no function {}.", call.name), operand.position);
  }

  std::string argument_sql(Term& result, Operand const& argument, std::string const& suffix) {
    auto made = term(argument, suffix);
    if (made.kind == Kind::list)
      throw invalid_filter("A list cannot be an argument.", argument.position);
    result.sources.insert(made.sources.begin(), made.sources.end());
    return made.is_literal ? bind(made.literal) : made.kind == Kind::null ? "NULL" : made.sql;
  }

  Term distance_term(Operand const& operand, std::string const& suffix) {
    auto const& arguments = operand.call->arguments;
    if (arguments.size() != 4)
      throw invalid_filter("geoDistance takes lonA, latA, lonB, latB.", operand.position);
    Term result;
    result.kind = Kind::number;
    result.may_be_null = true;
    std::string text;
    for (auto const& argument : arguments)
      text += (text.empty() ? "" : ", ") + argument_sql(result, argument, suffix);
    result.sql = fmt::format("minga_geo_distance({})", text);
    return result;
  }

  Term strftime_term(Operand const& operand, std::string const& suffix) {
    auto const& arguments = operand.call->arguments;
    if (arguments.empty() || arguments.size() > 10)
      throw invalid_filter("strftime takes 1 to 10 arguments.", operand.position);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (i != 1) check_time_text(arguments[i], i == 0);
    }
    Term result;
    result.kind = Kind::text;
    std::string rest;  // the time and its modifiers
    for (std::size_t i = 1; i < arguments.size(); ++i)
      rest += ", " + argument_sql(result, arguments[i], suffix);
    if (arguments.size() == 1) rest = ", " + bind(scope_.now);
    std::string text;
    for (auto const& part : split_format(arguments.front().text)) {
      text += text.empty() ? "" : " || ";
      text += part.is_weekday ? weekday_sql(rest) : dialect_.strftime(bind(part.format) + rest);
    }
    result.sql = fmt::format("COALESCE({}, '')", text);
    return result;
  }

  /// %u: Sunday, the 0 of %w, is 7.
  std::string weekday_sql(std::string const& time) {
    auto const number = dialect_.strftime(bind(std::string("%w")) + time);
    return fmt::format("CASE {0} WHEN '0' THEN '7' ELSE {0} END", number);
  }

  static void check_time_text(Operand const& operand, bool is_format) {
    if (operand.kind != Operand::Kind::text)
      throw invalid_filter("The format and the modifiers of strftime are texts.", operand.position);
    if (is_format && split_format(operand.text).empty()) {
      throw invalid_filter("strftime knows %Y %m %d %H %M %S %f %j %w %u %W %s %F %T %R %%.",
                           operand.position);
    }
    if (!is_format && !is_time_modifier(operand.text)) {
      throw invalid_filter(
          fmt::format("'{}' is no modifier of strftime: +N or -N days, hours, minutes, seconds, "
                      "months or years, start of day, month or year, weekday N, unixepoch.",
                      operand.text),
          operand.position);
    }
  }

  Scope const& scope_;
  sql::Dialect const& dialect_;
  std::size_t first_;
  Sources sources_;
  std::set<std::string> used_;
  sql::Params values_;
  std::size_t list_count_ = 0;
};

}  // namespace

Condition compile(Expression const& expression, Scope const& scope, sql::Dialect const& dialect,
                  std::size_t first) {
  return Compiler(scope, dialect, first).compile(expression);
}

}  // namespace minga::records::filter
