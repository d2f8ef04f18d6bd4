#pragma once

#include "sql/postgres/settings.hpp"

#include <filesystem>

namespace minga::sql::postgres {

/// A consistent copy by pg_dump in its custom format, into a new file; pg_restore reads it. Blocks
/// for as long as it takes. Throws sql::Error when the file exists or pg_dump fails.
void back_up(Settings const& settings, std::filesystem::path const& file);

}  // namespace minga::sql::postgres
