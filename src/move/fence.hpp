#pragma once

#include <minga/async.hpp>

#include "sql/database.hpp"

#include <optional>
#include <string>
#include <vector>

namespace minga::move {

/// `_settings` of a database that a move has begun to fill.
inline constexpr char const* kMarkSetting = "move";
/// `_settings` of a database whose site has moved away: where to.
inline constexpr char const* kMovedSetting = "moved";

/// Through which every write of a site goes, in the order in which a write takes them: who holds
/// these holds all.
std::vector<std::string> const& gates();

/// Keeps every further write out of a database: its site has moved to `to` (for people, without a
/// password).
std::vector<sql::Statement> fence(sql::Dialect const& dialect, std::string const& to);
/// Takes it back.
std::vector<sql::Statement> unfence(sql::Dialect const& dialect);

/// Where the site has moved to; nothing where it is still here.
Async<std::optional<std::string>> moved_to(sql::Database& database);
/// Throws std::runtime_error that says what to do where a move into the database has not ended.
Async<void> refuse_unfinished(sql::Database& database);
/// The same where the site has moved away.
Async<void> refuse_moved(sql::Database& database);

Async<std::vector<std::string>> tables_of(sql::Database& database);
/// Of `_settings`; nothing where there is no such table or no such key.
Async<std::optional<std::string>> find_setting(sql::Database& database, std::string key);

}  // namespace minga::move
