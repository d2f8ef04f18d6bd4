#pragma once

#include "move/table.hpp"
#include "records/changes.hpp"
#include "sql/statement.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace minga::move {

/// How far a move has come: kept in the target's `_settings`, written in the transactions that
/// carry the rows. A database that has it is no site yet.
struct Mark {
  std::string source;                // which site: Origin::identity
  records::Place place;              // in the source's log: all changes up to it are carried over
  std::map<std::string, Key> after;  // of a table that is being copied: its last row
  std::set<std::string> copied;      // tables

  /// Whether the row has been copied, so that changes of it have to follow.
  bool covers(std::string const& table, Key const& key) const;

  std::string text() const;
  static Mark parse(std::string_view text);

  sql::Statement save() const;
};

}  // namespace minga::move
