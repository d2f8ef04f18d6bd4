#pragma once

#include <minga/async.hpp>

#include "move/mark.hpp"
#include "move/source.hpp"
#include "records/definition.hpp"
#include "sql/database.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace minga::move {

/// Keys of a table's rows, by the table's name.
using Keys = std::map<std::string, std::set<std::string>>;

/// The database that is filled, with its mark.
class Target {
 public:
  explicit Target(sql::Database& database) : database_(database) {}

  sql::Database& database() { return database_; }
  Mark const& mark() const { return mark_; }
  std::vector<records::Definition> const& definitions() const { return definitions_; }
  /// Of the collections, in the order of definitions().
  std::vector<Table> const& tables() const { return tables_; }

  /// Makes the tables in an empty database, or takes up the move of the same site that was stopped.
  /// `from`: where the log is now. Throws std::runtime_error for any other database.
  Async<void> begin(Origin const& origin, records::Place from);

  /// Appends rows that come after those that are copied, and remembers the last.
  Async<void> copy(Table const& table, std::vector<Row> rows);
  Async<void> end_copy(Table const& table);

  /// Makes the rows of these keys as the source has them now. False where a unique index refused
  /// one: another record of the source has changed since, which the next pass carries over.
  Async<bool> carry_over(sql::Database& source, Keys const& keys);
  /// All changes up to the place are carried over.
  Async<void> pass(records::Place place);

  /// False where records as they are now cannot be unique.
  Async<bool> make_indexes();

  /// Rows of a table that no log tells of.
  Async<void> apply(std::vector<sql::Statement> statements);
  /// It is a site, with these settings, whose log of changes begins anew.
  Async<void> complete(std::vector<std::pair<std::string, std::string>> settings);

 private:
  Async<void> begin_in(sql::Transaction& transaction, Origin const& origin);
  void take_definitions(Origin const& origin);
  Async<void> refuse_other_definitions(Origin const& origin);
  Async<void> remove_rows(Table const& table, std::set<std::string> const& keys);
  Async<void> insert_rows(sql::Database& source, Table const& table,
                          std::set<std::string> const& keys);

  sql::Database& database_;
  Mark mark_;
  std::vector<records::Definition> definitions_;
  std::vector<Table> tables_;
};

}  // namespace minga::move
