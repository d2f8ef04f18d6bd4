#pragma once

#include "server/replica_commands.hpp"

namespace minga::server {

/// `minga move FROM_URL TO_URL`.
void add_move_command(CLI::App& cli, Actions& actions);

}  // namespace minga::server
