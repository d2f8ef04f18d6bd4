#include "records/indexes.hpp"

#include "base/json_text.hpp"
#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace minga::records {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Reads an index text word by word; what is not there is an error that names its place.
class IndexReader {
 public:
  explicit IndexReader(std::string_view text) : text_(text) {}

  Index read() {
    Index index;
    keyword("CREATE");
    index.unique = optional_keyword("UNIQUE");
    keyword("INDEX");
    if (optional_keyword("IF")) {
      keyword("NOT");
      keyword("EXISTS");
    }
    index.name = name();
    keyword("ON");
    name();  // the table: set to the collection's on save
    sign('(');
    do {
      index.columns.push_back(column());
    } while (optional_sign(','));
    sign(')');
    if (optional_keyword("WHERE")) {
      do {
        index.conditions.push_back(condition());
      } while (optional_keyword("AND"));
    }
    optional_sign(';');
    skip_blank();
    if (at_ != text_.size()) fail("the end");
    return index;
  }

 private:
  [[noreturn]] void fail(std::string_view expected) const {
    throw std::invalid_argument(
        fmt::format("{} is expected at character {} of the index '{}'", expected, at_ + 1, text_));
  }

  void skip_blank() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  bool optional_keyword(std::string_view word) {
    skip_blank();
    auto const found = text_.substr(at_, word.size());
    auto const ends = at_ + word.size() >= text_.size() || !is_word(text_[at_ + word.size()]);
    if (!equals_ignoring_case(found, word) || !ends) return false;
    at_ += word.size();
    return true;
  }

  void keyword(std::string_view word) {
    if (!optional_keyword(word)) fail(word);
  }

  bool optional_sign(char c) {
    skip_blank();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void sign(char c) {
    if (!optional_sign(c)) fail(std::string(1, c));
  }

  std::string name() {
    skip_blank();
    char close = 0;
    if (at_ < text_.size() && (text_[at_] == '`' || text_[at_] == '"')) close = text_[at_];
    if (at_ < text_.size() && text_[at_] == '[') close = ']';
    if (close != 0) ++at_;
    auto const begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (at_ == begin) fail("a name");
    std::string found(text_.substr(begin, at_ - begin));
    if (close != 0 && (at_ >= text_.size() || text_[at_++] != close)) fail(std::string(1, close));
    return found;
  }

  Index::Column column() {
    Index::Column column;
    column.name = name();
    if (optional_keyword("COLLATE")) {
      keyword("NOCASE");
      column.ignores_case = true;
    }
    if (!optional_keyword("ASC")) column.descending = optional_keyword("DESC");
    return column;
  }

  Index::Condition condition() {
    Index::Condition condition;
    condition.column = name();
    if (optional_keyword("IS")) {
      condition.op = optional_keyword("NOT") ? "IS NOT NULL" : "IS NULL";
      keyword("NULL");
      return condition;
    }
    condition.op = optional_sign('!') ? "!=" : "=";
    sign('=');
    condition.literal = literal();
    return condition;
  }

  /// 'text' with '' for a quote, or a whole or decimal number.
  std::string literal() {
    skip_blank();
    auto const begin = at_;
    if (optional_sign('\'')) {
      for (; at_ < text_.size(); ++at_) {
        if (text_[at_] != '\'') continue;
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '\'') break;
        ++at_;
      }
      sign('\'');
    } else {
      optional_sign('-');
      digits();
      if (at_ < text_.size() && text_[at_] == '.') {
        ++at_;
        digits();
      }
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  void digits() {
    auto const begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    if (at_ == begin) fail("a text in single quotes or a number");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Index parse_index(std::string_view text) {
  return IndexReader(text).read();
}

namespace {

std::string key_of(Index::Column const& column, std::string value, sql::Dialect const& dialect) {
  return column.ignores_case ? dialect.ignoring_case(value) : value;
}

/// A field's column; a boolean as the number that it is compared with.
std::string compared_column(std::string const& name, Field const* field,
                            sql::Dialect const& dialect) {
  auto const column = dialect.quote(name);
  auto const is_truth = field != nullptr && field->type == FieldType::boolean;
  return is_truth ? dialect.truth_number(column) : column;
}

/// A number that a text is compared with is its text.
std::string compared_literal(std::string const& literal, Field const* field) {
  auto const is_number = field == nullptr || field->type == FieldType::number ||
                         field->type == FieldType::boolean || literal.empty();
  return is_number || literal.front() == '\'' ? literal : "'" + literal + "'";
}

/// "" where the index is over all records.
std::string where_sql(Index const& index, Definition const& definition,
                      sql::Dialect const& dialect) {
  std::string where;
  for (auto const& condition : index.conditions) {
    auto const* field = definition.find(condition.column);
    where += fmt::format("{} {} {}{}{}", where.empty() ? " WHERE" : " AND",
                         compared_column(condition.column, field, dialect), condition.op,
                         condition.literal.empty() ? "" : " ",
                         compared_literal(condition.literal, field));
  }
  return where;
}

/// 'text' as it is stored.
std::string unquoted(std::string_view literal) {
  if (!literal.starts_with('\'')) return std::string(literal);
  std::string text;
  for (std::size_t i = 1; i + 1 < literal.size(); ++i) {
    text += literal[i];
    if (literal[i] == '\'') ++i;
  }
  return text;
}

bool equals(Json const& value, std::string const& literal) {
  if (value.is_bool()) return literal == (value.get_bool() ? "1" : "0");
  if (value.is_number()) return value.to_number<double>() == std::strtod(literal.c_str(), nullptr);
  return (value.is_string() ? std::string_view(value.get_string()) : json_text(value)) == literal;
}

bool holds(Index::Condition const& condition, Json const& value) {
  if (condition.op.starts_with("IS")) return value.is_null() == (condition.op == "IS NULL");
  if (value.is_null()) return false;
  return equals(value, unquoted(condition.literal)) == (condition.op == "=");
}

}  // namespace

std::string index_sql(Index const& index, Definition const& definition,
                      sql::Dialect const& dialect) {
  std::string columns;
  for (auto const& column : index.columns) {
    auto const* field = definition.find(column.name);
    auto const may_be_null = field != nullptr && field->is_nullable;
    columns += columns.empty() ? "" : ", ";
    columns += dialect.ordered(key_of(column, dialect.quote(column.name), dialect),
                               column.descending, may_be_null);
  }
  return fmt::format("CREATE {}INDEX IF NOT EXISTS {} ON {} ({}){}", index.unique ? "UNIQUE " : "",
                     dialect.quote(index.name), dialect.quote(definition.name), columns,
                     where_sql(index, definition, dialect));
}

bool constrains(Index const& index, JsonObject const& record) {
  return index.unique &&
         std::all_of(index.columns.begin(), index.columns.end(),
                     [&](auto const& each) { return !record.at(each.name).is_null(); }) &&
         std::all_of(index.conditions.begin(), index.conditions.end(),
                     [&](auto const& each) { return holds(each, record.at(each.column)); });
}

std::string holder_sql(Index const& index, Definition const& definition,
                       sql::Dialect const& dialect, bool is_stored) {
  auto where = where_sql(index, definition, dialect);
  std::size_t place = 0;
  for (auto const& column : index.columns) {
    where += fmt::format("{} {} = {}", where.empty() ? " WHERE" : " AND",
                         key_of(column, dialect.quote(column.name), dialect),
                         key_of(column, fmt::format("${}", ++place), dialect));
  }
  if (is_stored) where += fmt::format(" AND {} <> ${}", dialect.quote("id"), ++place);
  return fmt::format("SELECT 1 FROM {}{} LIMIT 1", dialect.quote(definition.name), where);
}

std::vector<Index> indexes_of(Definition const& definition) {
  std::vector<Index> indexes;
  for (auto const& text : definition.indexes) indexes.push_back(parse_index(text));
  for (auto const& field : definition.fields) {
    if (!field.is_unique || field.is_primary_key) continue;
    Index index;
    // A point stands in no name, so that no two fields share an index.
    index.name = fmt::format("unique_{}.{}", definition.name, field.name);
    index.unique = true;
    index.columns.push_back({field.name});
    // An unset text is no value: several records may be without one.
    auto const is_text =
        field.type != FieldType::number && field.type != FieldType::boolean && !field.is_nullable;
    if (is_text) index.conditions.push_back({field.name, "!=", field.is_list() ? "'[]'" : "''"});
    indexes.push_back(std::move(index));
  }
  return indexes;
}

bool is_unique_by_itself(Definition const& definition, Field const& field) {
  if (field.is_list()) return false;
  if (field.is_unique || field.is_primary_key) return true;
  auto const leaves_out_unset = [&](Index::Condition const& condition) {
    return condition.column == field.name &&
           (condition.op == "IS NOT NULL" || (condition.op == "!=" && condition.literal == "''"));
  };
  return std::any_of(
      definition.indexes.begin(), definition.indexes.end(), [&](std::string const& text) {
        auto const index = parse_index(text);
        return index.unique && index.columns.size() == 1 &&
               index.columns.front().name == field.name &&
               std::all_of(index.conditions.begin(), index.conditions.end(), leaves_out_unset);
      });
}

}  // namespace minga::records
