#pragma once

#include "sql/migrations.hpp"

#include <vector>

namespace minga::records {

/// The platform's own tables, version by version.
std::vector<sql::Migration> const& platform_migrations();

}  // namespace minga::records
