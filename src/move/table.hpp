#pragma once

#include "records/definition.hpp"
#include "sql/dialect.hpp"
#include "sql/rows.hpp"
#include "sql/statement.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace minga::move {

/// What a column holds besides nothing, on either engine.
enum class Kind { text, integer, real, boolean };

struct Column {
  std::string name;
  Kind kind = Kind::text;
};

using Row = std::vector<sql::Value>;  // of all columns
using Key = std::vector<sql::Value>;  // texts and integers

/// A table that both databases have alike: columns by name. The first of them are its key, by which
/// its rows are ordered the same on both.
struct Table {
  std::string name;
  std::vector<Column> columns;
  std::size_t key_size = 1;
};

Table table_of(records::Definition const& definition);
Table const& counters();
/// Its rows have the time they were created at, which later rows are found by.
Table const& idempotency();

/// The platform's tables whose rows stay where they are: they are the database's, not the site's.
std::vector<std::string> const& tables_left_behind();

/// A row as both engines take it: a boolean is one, a whole number in a column of reals is real.
/// Throws std::runtime_error that names table, row and column for a value of another kind, which
/// SQLite would store and PostgreSQL would not.
Row take_row(Table const& table, sql::Rows const& rows, std::size_t row);
Key key_of(Table const& table, Row const& row);

/// "000abc" or "scope, key, 1": for people.
std::string text_of(Key const& key);
/// Less than 0, 0, more than 0: as both engines order.
int compare_keys(Key const& a, Key const& b);
/// In memory, roughly.
std::size_t bytes_of(Row const& row);

/// A table's statements on one engine.
class TableSql {
 public:
  TableSql(Table const& table, sql::Dialect const& dialect);

  /// Rows in the order of keys, after `after` where there is one. `since`: of idempotency, only
  /// rows created then or later; "" for all.
  sql::Statement page(std::optional<Key> const& after, std::string const& since,
                      std::int64_t limit) const;
  /// Rows of these keys, in no order.
  std::vector<sql::Statement> find(std::vector<Key> const& keys) const;
  sql::Statement insert(Row row) const;
  sql::Statement remove(Key key) const;
  sql::Statement count() const;

 private:
  std::string table_name_, columns_, key_, key_values_, insert_, remove_, find_, find_many_;
};

}  // namespace minga::move
