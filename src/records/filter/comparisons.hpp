#pragma once

#include "records/filter/ast.hpp"
#include "records/filter/placeholders.hpp"
#include "records/filter/term.hpp"
#include "sql/dialect.hpp"

#include <cstddef>
#include <string>

namespace minga::records::filter {

/// Compares two terms as API.md section 4 says: what they are decides how, and the outcome is true
/// or false, never null. Literals are bound in `placeholders`.
class Comparisons {
 public:
  Comparisons(sql::Dialect const& dialect, Placeholders& placeholders)
      : dialect_(dialect), placeholders_(placeholders) {}

  /// `any`: of several values in a list, one is enough.
  std::string terms_sql(Term const& left, Operator op, bool any, Term const& right);

 private:
  std::string list_sql(Term const& list, Operator op, bool any, Term const& other, bool swapped);
  std::string scalar_sql(Term const& left, Operator op, Term const& right);
  static Operator mirrored(Operator op);
  std::string contains_sql(Term const& left, Operator op, Term const& right);
  std::string null_sql(Term const& other, Operator op, bool both_null);
  std::string field_with_literal(Term const& field, Operator op, Term const& literal);
  static sql::Value as_number(sql::Value const& value);
  std::string plain_sql(Term const& field, Operator op, std::string const& value);
  std::string term_with_term(Term const& left, Operator op, Term const& right);
  std::string operand_sql(Term const& term, Operator op);
  std::string sql_of(Term const& term);
  static std::string compare_sql(std::string const& left, Operator op, std::string const& right);

  sql::Dialect const& dialect_;
  Placeholders& placeholders_;
  std::size_t list_count_ = 0;
};

}  // namespace minga::records::filter
