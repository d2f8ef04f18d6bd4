// From a parsed filter to a condition in SQL: values bound, names from the definition alone.
#include "records/filter/ast.hpp"
#include "records/filter/comparisons.hpp"
#include "records/filter/filter.hpp"
#include "records/filter/operands.hpp"
#include "records/filter/placeholders.hpp"
#include "records/filter/sources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace minga::records::filter {
namespace {

class Compiler {
 public:
  Compiler(Scope const& scope, sql::Dialect const& dialect, std::size_t first)
      : placeholders_(first),
        sources_(scope, dialect),
        operands_(scope, dialect, sources_, placeholders_),
        comparisons_(dialect, placeholders_) {}

  Condition compile(Expression const& expression) {
    Condition condition;
    auto const sql = expression_sql(expression);
    condition.sql = used_.empty()
                        ? sql
                        : fmt::format("EXISTS (SELECT 1 FROM (SELECT 1) AS one{} WHERE {})",
                                      sources_.joins(used_, ""), sql);
    condition.values = placeholders_.take();
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
    auto const left = operands_.term(comparison.left, "");
    auto const right = operands_.term(comparison.right, "");
    auto const any =
        comparison.any || is_distance(comparison.left) || is_distance(comparison.right);
    auto sql = comparisons_.terms_sql(left, comparison.op, any, right);
    std::set<std::string> multiple = left.sources;
    multiple.insert(right.sources.begin(), right.sources.end());
    used_.insert(multiple.begin(), multiple.end());
    auto const has_several = std::any_of(multiple.begin(), multiple.end(), [&](auto const& name) {
      return sources_.is_multiple(name);
    });
    if (any || !has_several) return sql;
    // Without ? it must hold on every row of the path, too.
    auto const every_left = operands_.term(comparison.left, "'");
    auto const every_right = operands_.term(comparison.right, "'");
    auto const every = comparisons_.terms_sql(every_left, comparison.op, any, every_right);
    return fmt::format("({} AND NOT EXISTS (SELECT 1 FROM (SELECT 1) AS one{} WHERE NOT ({})))",
                       sql, sources_.joins(multiple, "'"), every);
  }

  /// Several values in a distance are compared as with ?.
  static bool is_distance(Operand const& operand) {
    return operand.kind == Operand::Kind::call && operand.call->name == "geoDistance";
  }

  Placeholders placeholders_;
  Sources sources_;
  Operands operands_;
  Comparisons comparisons_;
  std::set<std::string> used_;
};

}  // namespace

Condition compile(Expression const& expression, Scope const& scope, sql::Dialect const& dialect,
                  std::size_t first) {
  return Compiler(scope, dialect, first).compile(expression);
}

}  // namespace minga::records::filter
