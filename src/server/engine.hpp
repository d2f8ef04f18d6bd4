#pragma once

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "server/settings.hpp"
#include "sql/database.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace minga::server {

// The one place that names the engines: which it is follows from the settings' URL.

/// Opens (the embedded engine: or creates) the database. Throws std::exception with a sentence for
/// the user, which holds no password.
std::unique_ptr<sql::Database> open_database(Settings const& settings, IoThreads& threads,
                                             Metrics& metrics);

/// An embedded database that another process serves, to be read.
std::unique_ptr<sql::Database> open_beside(Settings const& settings, IoThreads& threads);

/// A consistent copy of the database into a new file, while servers may be using it. Returns what
/// was done, as a sentence. From no I/O thread.
std::string back_up(Settings const& settings, std::filesystem::path const& file);

/// The backup becomes the database: an embedded one that no process has open, or an empty one of
/// PostgreSQL's. Positions in the change log of before are unknown to it. Returns what was done, as
/// a sentence. From no I/O thread.
std::string restore_backup(Settings const& settings, std::filesystem::path const& file);

}  // namespace minga::server
