// Comparisons in SQL: by the kinds of what is compared, never by the engine's own ideas of them.
#include "records/filter/comparisons.hpp"

#include "records/filter/literals.hpp"

#include <fmt/format.h>

namespace minga::records::filter {
namespace {

constexpr char const* kSqlOperators[] = {"=", "!=", ">", ">=", "<", "<="};

bool is_equality(Operator op) {
  return op == Operator::equal || op == Operator::not_equal;
}
bool is_contains(Operator op) {
  return op == Operator::contains || op == Operator::not_contains;
}

/// A LIKE pattern from what stands right of ~: without an unescaped % it is looked for anywhere,
/// its _ and \ literal.
std::string contains_pattern(std::string const& text) {
  bool has_wildcard = false;
  bool ends_in_escape = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ends_in_escape = ++i == text.size();
    } else if (text[i] == '%') {
      has_wildcard = true;
    }
  }
  if (has_wildcard) return ends_in_escape ? text + '\\' : text;
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

}  // namespace

std::string Comparisons::terms_sql(Term const& left, Operator op, bool any, Term const& right) {
  if (left.kind == Kind::list) return list_sql(left, op, any, right, false);
  if (right.kind == Kind::list) return list_sql(right, op, any, left, true);
  return scalar_sql(left, op, right);
}

/// Each comparison looks at the values of a list on its own.
std::string Comparisons::list_sql(Term const& list, Operator op, bool any, Term const& other,
                                  bool swapped) {
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

std::string Comparisons::scalar_sql(Term const& left, Operator op, Term const& right) {
  if (is_contains(op)) return contains_sql(left, op, right);
  if (left.kind == Kind::null || right.kind == Kind::null)
    return null_sql(left.kind == Kind::null ? right : left, op, left.kind == right.kind);
  if (left.is_literal && !right.is_literal) return scalar_sql(right, mirrored(op), left);
  if (right.is_literal && !left.is_literal) return field_with_literal(left, op, right);
  return term_with_term(left, op, right);
}

Operator Comparisons::mirrored(Operator op) {
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

std::string Comparisons::contains_sql(Term const& left, Operator op, Term const& right) {
  if (left.kind == Kind::null || right.kind == Kind::null) return "FALSE";
  auto const* wanted = op == Operator::contains ? "1" : "0";
  if (right.is_literal) {
    auto const pattern = placeholders_.bind(contains_pattern(shown(right.literal)));
    return fmt::format("COALESCE(minga_like({}, {}) = {}, FALSE)", sql_of(left), pattern, wanted);
  }
  return fmt::format("COALESCE(minga_contains({}, {}) = {}, FALSE)", sql_of(left), right.sql,
                     wanted);
}

/// = and != with null mean "not set"; an order with null never holds.
std::string Comparisons::null_sql(Term const& other, Operator op, bool both_null) {
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

std::string Comparisons::field_with_literal(Term const& field, Operator op, Term const& literal) {
  auto const* text = std::get_if<std::string>(&literal.literal);
  switch (field.kind) {
    case Kind::text:
      return plain_sql(field, op, placeholders_.bind(shown(literal.literal)));
    case Kind::date:
      return plain_sql(field, op, placeholders_.bind(date_literal(shown(literal.literal))));
    case Kind::number:
    case Kind::boolean: {
      auto const* truth = std::get_if<bool>(&literal.literal);
      if (truth != nullptr && field.kind == Kind::boolean && is_equality(op)) {
        auto column = field;  // itself, so that an index on it serves
        column.sql = field.truth;
        return plain_sql(column, op, placeholders_.bind(*truth));
      }
      if (text == nullptr)
        return plain_sql(field, op, placeholders_.bind(as_number(literal.literal)));
      auto const number = decimal(*text);
      if (!number) return op == Operator::not_equal ? "TRUE" : "FALSE";
      return plain_sql(field, op, placeholders_.bind(*number));
    }
    default:
      return compare_sql(field.sql, op, placeholders_.bind(as_number(literal.literal)));
  }
}

sql::Value Comparisons::as_number(sql::Value const& value) {
  if (auto const* truth = std::get_if<bool>(&value)) return std::int64_t{*truth ? 1 : 0};
  return value;
}

/// The engine's own comparison, made two-valued where a side may be null.
std::string Comparisons::plain_sql(Term const& field, Operator op, std::string const& value) {
  auto const* sign = kSqlOperators[static_cast<int>(op)];
  if (!field.may_be_null) return fmt::format("{} {} {}", field.sql, sign, value);
  auto const is_text = field.kind == Kind::text || field.kind == Kind::date;
  if (is_equality(op) && is_text && !field.tells_null)
    return fmt::format("COALESCE({}, '') {} {}", field.sql, sign, value);
  return fmt::format("COALESCE({} {} {}, {})", field.sql, sign, value,
                     op == Operator::not_equal ? "TRUE" : "FALSE");
}

std::string Comparisons::term_with_term(Term const& left, Operator op, Term const& right) {
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
std::string Comparisons::operand_sql(Term const& term, Operator op) {
  auto const is_text = term.kind == Kind::text || term.kind == Kind::date;
  if (is_equality(op) && is_text && term.may_be_null && !term.tells_null)
    return fmt::format("COALESCE({}, '')", term.sql);
  return sql_of(term);
}

/// A literal is bound where it is used; a field is its column.
std::string Comparisons::sql_of(Term const& term) {
  return term.is_literal ? placeholders_.bind(as_number(term.literal)) : term.sql;
}

std::string Comparisons::compare_sql(std::string const& left, Operator op,
                                     std::string const& right) {
  return fmt::format("minga_compare('{}', {}, {}) = 1", kSqlOperators[static_cast<int>(op)], left,
                     right);
}

}  // namespace minga::records::filter
