#pragma once

#include "cluster/access.hpp"
#include "cluster/folder.hpp"

namespace minga::cluster {

/// For a set that has lost its majority for good: makes the member in the folder a set of its own,
/// with the data that it has, at its next start. The other members then belong to a set that is
/// gone. As root, acts as the folder's owner. Throws std::invalid_argument where there is nothing
/// to do, std::runtime_error when the member runs.
void force_new_set(Folder const& folder);

/// Error 409 when another member of the set still has a primary to follow: the set is not lost.
Async<void> require_lost(SetAccess const& access, MemberAddress self, Deadline deadline);

}  // namespace minga::cluster
