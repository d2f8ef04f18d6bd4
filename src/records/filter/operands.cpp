// What stands left and right of a comparison, in SQL: names from the definition alone.
#include "records/filter/operands.hpp"

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "records/filter/errors.hpp"
#include "records/filter/literals.hpp"
#include "records/filter/strftime.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::records::filter {
namespace {

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

}  // namespace

Term Operands::literal(Kind kind, sql::Value value) {
  Term term;
  term.kind = kind;
  term.is_literal = true;
  term.literal = value;
  return term;
}

Term Operands::term(Operand const& operand, std::string const& suffix) {
  switch (operand.kind) {
    case Operand::Kind::text:
      return literal(Kind::text, operand.text);
    case Operand::Kind::number:
      return literal(Kind::number,
                     operand.is_integer ? sql::Value(operand.integer) : sql::Value(operand.number));
    case Operand::Kind::call:
      return call_term(operand, suffix);
    default:
      return identifier_term(operand, suffix);
  }
}

Term Operands::identifier_term(Operand const& operand, std::string const& suffix) {
  std::string_view const name = operand.text;
  if (name.starts_with('@')) return macro_term(operand);
  auto const names = split_path(name);
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

Term Operands::macro_term(Operand const& operand) {
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

std::optional<Term> Operands::field_term(Sources::Place const& place, Operand const& operand,
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
  if (term.kind == Kind::boolean) {
    term.truth = term.sql;
    term.sql = dialect_.truth_number(term.truth);
  }
  if (term.kind == Kind::json) {
    term.sql = dialect_.json_value(term.sql, {place.rest.begin() + 1, place.rest.end()});
  } else if (place.rest.size() > 1) {
    return std::nullopt;
  }
  apply_modifier(term, place, *field, operand, suffix);
  return term;
}

/// An undeclared key of an open collection is a path into its document.
std::optional<Term> Operands::open_term(Sources::Place const& place, Operand const& operand) {
  if (!place.collection->open || is_word(operand.text)) return std::nullopt;
  Term term;
  term.kind = Kind::json;
  term.sql = dialect_.json_value(fmt::format("{}.\"_open\"", place.alias), place.rest);
  term.may_be_null = term.tells_null = true;
  if (!place.source.empty()) term.sources.insert(place.source);
  if (operand.modifier == "lower") {
    term.kind = Kind::text;
    term.sql = dialect_.lower(term.sql);
  } else if (!operand.modifier.empty()) {
    throw invalid_filter(
        fmt::format("The modifier :{} does not go with '{}'.", operand.modifier, operand.text),
        operand.position);
  }
  return term;
}

bool Operands::is_word(std::string_view name) {
  return equals_ignoring_case(name, "true") || equals_ignoring_case(name, "false") ||
         equals_ignoring_case(name, "null");
}

void Operands::apply_modifier(Term& term, Sources::Place const& place, Field const& field,
                              Operand const& operand, std::string const& suffix) {
  auto const& modifier = operand.modifier;
  if (modifier.empty()) return;
  if (modifier == "length" && field.is_list()) {
    term.kind = Kind::number;
    term.sql = dialect_.list_length(term.sql);
  } else if (modifier == "each" && field.is_list()) {
    auto const source = sources_.each(place, field, operand.position);
    term.kind = Kind::text;
    term.sql = sources_.alias(source, suffix) + ".value";
    term.may_be_null = true;
    term.sources.insert(source);
  } else if (modifier == "lower" && (term.kind == Kind::text || term.kind == Kind::json)) {
    term.kind = Kind::text;
    term.sql = dialect_.lower(term.sql);
  } else {
    throw invalid_filter(
        fmt::format("The modifier :{} does not go with '{}'.", modifier, operand.text),
        operand.position);
  }
}

Term Operands::call_term(Operand const& operand, std::string const& suffix) {
  auto const& call = *operand.call;
  if (call.name == "geoDistance") return distance_term(operand, suffix);
  if (call.name == "strftime") return strftime_term(operand, suffix);
  throw invalid_filter(fmt::format("There is no function {}.", call.name), operand.position);
}

std::string Operands::argument_sql(Term& result, Operand const& argument,
                                   std::string const& suffix) {
  auto made = term(argument, suffix);
  if (made.kind == Kind::list)
    throw invalid_filter("A list cannot be an argument.", argument.position);
  result.sources.insert(made.sources.begin(), made.sources.end());
  return made.is_literal           ? placeholders_.bind(made.literal)
         : made.kind == Kind::null ? "NULL"
                                   : made.sql;
}

Term Operands::distance_term(Operand const& operand, std::string const& suffix) {
  auto const& arguments = operand.call->arguments;
  if (arguments.size() != 4)
    throw invalid_filter("geoDistance takes lonA, latA, lonB, latB.", operand.position);
  Term result;
  result.kind = Kind::number;
  result.may_be_null = true;
  std::string text;
  for (auto const& argument : arguments)
    text += fmt::format("{}minga_degrees({})", text.empty() ? "" : ", ",
                        argument_sql(result, argument, suffix));
  result.sql = fmt::format("minga_geo_distance({})", text);
  return result;
}

Term Operands::strftime_term(Operand const& operand, std::string const& suffix) {
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
  if (arguments.size() == 1) rest = ", " + placeholders_.bind(scope_.now);
  std::string text;
  for (auto const& part : split_format(arguments.front().text)) {
    text += text.empty() ? "" : " || ";
    text += part.is_weekday ? weekday_sql(rest)
                            : dialect_.strftime(placeholders_.bind(part.format) + rest);
  }
  result.sql = fmt::format("COALESCE({}, '')", text);
  return result;
}

/// %u: Sunday, the 0 of %w, is 7.
std::string Operands::weekday_sql(std::string const& time) {
  auto const number = dialect_.strftime(placeholders_.bind(std::string("%w")) + time);
  return fmt::format("CASE {0} WHEN '0' THEN '7' ELSE {0} END", number);
}

void Operands::check_time_text(Operand const& operand, bool is_format) {
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

}  // namespace minga::records::filter
