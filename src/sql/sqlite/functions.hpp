#pragma once

#include "sql/sqlite/sqlite.hpp"

#include <sqlite3.h>

namespace minga::sql::sqlite {

/// Makes the function known to a connection, which owns a copy of it. SQLite's code.
int register_function(sqlite3* connection, Function const& function);

}  // namespace minga::sql::sqlite
