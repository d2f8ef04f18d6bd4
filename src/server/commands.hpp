#pragma once

#include <minga/app.hpp>

#include "server/settings.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace minga::server {

// The commands of the program. Each returns the exit status and throws std::exception with a
// sentence for the user.

/// Prints the URL as the first line of standard output; ends on SIGTERM or SIGINT, drained.
int serve(Settings settings, std::vector<Application> const& applications);

/// NDJSON from a file ("-": standard input) into a collection, with progress on standard error. 1
/// when lines were refused.
int import_records(Settings settings, std::vector<Application> const& applications,
                   std::string const& collection, std::filesystem::path const& file);

/// A collection as NDJSON to standard output, in the order of ids.
int export_records(Settings settings, std::vector<Application> const& applications,
                   std::string const& collection, std::string const& filter);

/// A consistent copy of the database into a new file, while servers may be using it.
int backup(Settings settings, std::vector<Application> const& applications,
           std::filesystem::path const& file);

/// Puts a backup in the database's place: no server may run on it, and a PostgreSQL database is
/// empty.
int restore(Settings settings, std::filesystem::path const& file);

}  // namespace minga::server
