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

/// Takes the member of that name out of etcd, until the list of etcd's members lacks it: whatever
/// gave no answer may have been done all the same. Before `from` it only looks whether the member
/// does that itself. After the deadline it throws etcd's last answer as Error. A set of two can do
/// this only while both of its etcd run.
Async<void> leave_etcd(Etcd const& etcd, std::string name, Deadline from, Deadline deadline);

}  // namespace minga::cluster
