#pragma once

#include <minga/async.hpp>

#include "cluster/configuration.hpp"

#include <map>
#include <string>

namespace minga::cluster {

/// Asks PostgreSQL whether it takes these settings, of one server or of all: Patroni passes over
/// what it does not understand, and with one wrong number over all of the set's configuration.
/// Throws std::invalid_argument with PostgreSQL's words. What only a server knows, such as another
/// setting that this one does not go with, stays unasked, and so does everything where PostgreSQL
/// is not installed.
Async<void> check_parameters(std::map<std::string, std::string> parameters,
                             ReplicaPrograms programs = {});

}  // namespace minga::cluster
