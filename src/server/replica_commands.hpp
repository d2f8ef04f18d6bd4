#pragma once

#include <functional>
#include <map>

namespace CLI {
class App;
}

namespace minga::server {

/// What each command does; it returns the exit status.
using Actions = std::map<CLI::App*, std::function<int()>>;

/// `minga replica`, `minga replicas` and what they start.
void add_replica_commands(CLI::App& cli, Actions& actions);

/// `minga replicas` alone.
void add_replicas(CLI::App& cli, Actions& actions);

}  // namespace minga::server
