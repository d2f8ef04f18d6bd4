#pragma once

#include "sql/database.hpp"

#include <span>
#include <string>
#include <vector>

namespace minga::sql {

/// One step of the platform's own tables: numbered from 1, forward only, never changed once
/// released.
struct Migration {
  int number;
  std::string name;
  /// Statements in order, made from the dialect.
  std::function<std::vector<std::string>(Dialect const&)> statements;
};

/// Applies what is missing, each in a transaction with its row in `_migrations`, under the engine's
/// lock. Throws when the database is newer than this program knows (numbers beyond the last) or a
/// number's name differs.
Async<void> migrate(Database& database, std::span<Migration const> migrations);

}  // namespace minga::sql
