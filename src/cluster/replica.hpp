#pragma once

#include "cluster/settings.hpp"

namespace minga::cluster {

/// Runs one member of a set until SIGTERM or SIGINT. Prints the URL for applications as the first
/// line of standard output once the member is of use. Returns the exit status; throws
/// std::exception with a sentence for the operator.
int run_replica(ReplicaSettings settings);

/// Becomes PostgreSQL's server (`arguments[0]`) with a life no longer than that of the
/// `minga replica` above it: when that ends, whatever the reason, the kernel stops the server at
/// once. Patroni starts servers through a process that ends, so this waits until the server's
/// parent is the `minga replica`. Returns only when it fails.
int become_postgres(std::vector<std::string> arguments);

}  // namespace minga::cluster
