#pragma once

#include "records/filter/ast.hpp"
#include "records/filter/filter.hpp"
#include "records/filter/placeholders.hpp"
#include "records/filter/sources.hpp"
#include "records/filter/term.hpp"

#include <optional>
#include <string>

namespace minga::records::filter {

/// Makes terms of operands: literals, macros, fields by their paths, functions. What a name leads
/// to is noted in `sources`, what a function takes in `placeholders`.
class Operands {
 public:
  Operands(Scope const& scope, sql::Dialect const& dialect, Sources& sources,
           Placeholders& placeholders)
      : scope_(scope), dialect_(dialect), sources_(sources), placeholders_(placeholders) {}

  /// `suffix` tells the aliases of one reading of the sources from those of another. Throws Error
  /// 400 where a name leads nowhere, 403 where it is for superusers.
  Term term(Operand const& operand, std::string const& suffix);

 private:
  Term literal(Kind kind, sql::Value value);
  Term identifier_term(Operand const& operand, std::string const& suffix);
  Term macro_term(Operand const& operand);
  std::optional<Term> field_term(Sources::Place const& place, Operand const& operand,
                                 std::string const& suffix);
  std::optional<Term> open_term(Sources::Place const& place, Operand const& operand);
  static bool is_word(std::string_view name);
  void apply_modifier(Term& term, Sources::Place const& place, Field const& field,
                      Operand const& operand, std::string const& suffix);
  Term call_term(Operand const& operand, std::string const& suffix);
  std::string argument_sql(Term& result, Operand const& argument, std::string const& suffix);
  Term distance_term(Operand const& operand, std::string const& suffix);
  Term strftime_term(Operand const& operand, std::string const& suffix);
  std::string weekday_sql(std::string const& time);
  static void check_time_text(Operand const& operand, bool is_format);

  Scope const& scope_;
  sql::Dialect const& dialect_;
  Sources& sources_;
  Placeholders& placeholders_;
};

}  // namespace minga::records::filter
