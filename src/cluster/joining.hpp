#pragma once

#include "cluster/etcd.hpp"
#include "cluster/folder.hpp"

#include <string>

namespace minga::cluster {

/// Has a new member let into the etcd of its set, by `first` or any other member that answers.
/// Returns what etcd's `initial-cluster` must be at the new member's first start. Tries for 60 s,
/// then throws the members' last answer as Error.
Async<std::string> join_etcd(http::Client const& client, SetIdentity const& identity,
                             MemberAddress const& self, HostPort first);

}  // namespace minga::cluster
