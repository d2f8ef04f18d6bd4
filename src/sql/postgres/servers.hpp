#pragma once

#include <minga/async.hpp>

#include "sql/copies.hpp"
#include "sql/postgres/settings.hpp"

namespace minga::sql::postgres {

/// Database::copies(): asks every host of the URL at once, each over a connection of its own, and
/// the primary for the standbys that the URL does not name. Which standbys hold a write the server
/// tells roles of pg_read_all_stats; when it became the primary, those of pg_monitor.
Async<Copies> ask_servers(Settings const& settings, Deadline deadline);

}  // namespace minga::sql::postgres
