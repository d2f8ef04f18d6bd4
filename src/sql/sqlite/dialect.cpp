#include "sql/sqlite/dialect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace minga::sql::sqlite {
namespace {

/// Names of digits that are tried both ways; more of them are indexes alone.
constexpr std::size_t kBothWays = 3;

constexpr std::array kEvents{"INSERT", "UPDATE", "DELETE"};

/// Of the trigger that refuses them.
std::string refusal_name(std::string_view table, std::string_view event) {
  return fmt::format("minga_moved_{}_{}", table, event);
}

/// $."a"[0]."b" and $."a"."0"."b": a name of digits is a list's index or an object's member.
std::vector<std::string> json_paths(std::vector<std::string> const& path) {
  std::vector<std::string> texts{"$"};
  for (auto const& name : path) {
    if (name.find_first_of("'\"\\") != std::string::npos)
      throw std::invalid_argument("a JSON path holds no quotes");
    auto const is_index = !name.empty() && std::all_of(name.begin(), name.end(),
                                                       [](char c) { return c >= '0' && c <= '9'; });
    auto const before = texts.size();
    for (std::size_t i = 0; i < before; ++i) {
      auto const member = fmt::format("{}.\"{}\"", texts[i], name);
      if (is_index && before < (1U << kBothWays)) texts.push_back(member);
      texts[i] = is_index ? fmt::format("{}[{}]", texts[i], name) : member;
    }
  }
  return texts;
}

class SqliteDialect : public Dialect {
 public:
  std::string_view name() const override { return "sqlite"; }
  std::string_view text_type() const override { return "TEXT"; }
  std::string_view real_type() const override { return "REAL"; }
  std::string_view integer_type() const override { return "INTEGER"; }
  std::string_view boolean_type() const override { return "BOOLEAN"; }
  std::string_view json_type() const override { return "TEXT"; }
  std::string_view blob_type() const override { return "BLOB"; }
  std::string_view growing_key() const override { return "INTEGER PRIMARY KEY"; }
  std::string returning_key(std::string_view) const override { return {}; }
  std::string_view skip_locked() const override { return ""; }
  std::string_view for_update() const override { return ""; }
  std::string_view for_share() const override { return ""; }
  std::string has_table(std::string_view name) const override {
    return fmt::format("EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = {})",
                       name);
  }
  std::string list_contains(std::string_view list, std::string_view text) const override {
    return fmt::format("EXISTS (SELECT 1 FROM json_each({}) WHERE value = {})", list, text);
  }
  std::string list_rows(std::string_view list, std::string_view alias) const override {
    return fmt::format("json_each({}) AS {}", list, alias);
  }
  std::string list_length(std::string_view list) const override {
    return fmt::format("json_array_length({})", list);
  }
  std::string json_value(std::string_view column,
                         std::vector<std::string> const& path) const override {
    std::string values;
    auto const paths = json_paths(path);
    for (auto const& each : paths)
      values += fmt::format("{}json_extract({}, '{}')", values.empty() ? "" : ", ", column, each);
    return paths.size() == 1 ? values : fmt::format("COALESCE({})", values);
  }
  /// SQLite orders NULL, numbers, text by itself.
  std::string json_sort_key(std::string_view column,
                            std::vector<std::string> const& path) const override {
    return json_value(column, path);
  }
  std::string strftime(std::string_view arguments) const override {
    return fmt::format("strftime({})", arguments);
  }
  std::string_view random() const override { return "RANDOM()"; }
  std::string_view transaction_number() const override { return ""; }
  std::string_view own_transaction() const override { return ""; }
  std::string_view timeline() const override { return ""; }
  std::string_view oldest_transaction() const override { return ""; }
  std::string_view server() const override { return "''"; }
  std::string_view is_replicated() const override { return "TRUE"; }
  std::string_view confirm() const override { return "SELECT ''"; }
  std::vector<std::string> schema_lock() const override { return {}; }
  std::string_view tables() const override {
    return "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
  }
  std::vector<std::string> refuse_writes(std::string_view table) const override {
    std::vector<std::string> statements;
    for (auto const* event : kEvents) {
      statements.push_back(fmt::format(
          "CREATE TRIGGER IF NOT EXISTS {} BEFORE {} ON {} BEGIN SELECT RAISE(ABORT, 'the rows of "
          "this table were moved to another database'); END",
          quote(refusal_name(table, event)), event, quote(table)));
    }
    return statements;
  }
  std::vector<std::string> allow_writes(std::string_view table) const override {
    std::vector<std::string> statements;
    for (auto const* event : kEvents)
      statements.push_back(
          fmt::format("DROP TRIGGER IF EXISTS {}", quote(refusal_name(table, event))));
    return statements;
  }
  bool tells_case() const override { return false; }
  /// SQLite orders NULL before all else by itself.
  std::string ordered(std::string_view key, bool descending, bool) const override {
    return fmt::format("{}{}", key, descending ? " DESC" : "");
  }
  std::string ignoring_case(std::string_view column) const override {
    return fmt::format("{} COLLATE NOCASE", column);
  }
  std::string truth_number(std::string_view boolean) const override { return std::string(boolean); }
  std::string lower(std::string_view value) const override {
    return fmt::format("minga_lower({})", value);
  }

 private:
  std::size_t longest_identifier() const override { return std::string::npos; }
};

}  // namespace

Dialect const& dialect() {
  static SqliteDialect const instance;
  return instance;
}

}  // namespace minga::sql::sqlite
