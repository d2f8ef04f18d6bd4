#pragma once

#include "cluster/status.hpp"

#include <string>

namespace minga::cluster {

// What an operator does to a set. Each throws Error: 404 for what is not there, 409 where it would
// do harm or the set refuses, 503 where nobody answers.

/// The member of that name; Error 404 names those that there are.
MemberStatus const& require_member(SetStatus const& status, HostPort const& member);

/// Takes the member off the set: off the list, whereupon a `minga replica` that runs ends by
/// itself, then out of etcd. Refuses the primary, the last member, and, unless forced, what would
/// leave the set without a majority. Where an earlier call was broken off it goes on.
Async<void> remove_member(SetAccess const& access, HostPort member, bool force, Deadline deadline);

/// Hands the primary's role to a synchronous standby, to `candidate` where it is given; the name
/// of the new primary.
Async<std::string> step_down(SetAccess const& access, std::optional<HostPort> candidate,
                             Deadline deadline);

/// Throws the member's copy away and clones the primary's anew.
Async<void> reinitialize(SetAccess const& access, HostPort member, Deadline deadline);

/// The set's configuration as Patroni keeps it, from any member whose etcd answers.
Async<Json> read_configuration(SetAccess const& access, Deadline deadline);

/// Changes members of it; null removes one. Each Patroni sees it in its next turn.
Async<void> change_configuration(SetAccess const& access, JsonObject changes, Deadline deadline);

/// Says where the set keeps its backups from now on: a repository that holds none of another set's
/// under the name of this. Error 409 where it is that already.
Async<void> change_repository(SetAccess const& access, std::string repository,
                              BackupOptions options, Deadline deadline);
/// The set keeps no backups from now on; those that there are stay.
Async<void> leave_repository(SetAccess const& access, Deadline deadline);

/// What etcd holds of the set's backups. Error 409 when it keeps none.
Async<BackupState> read_backup_state(SetAccess const& access, Deadline deadline);
/// Has the primary's member make a backup, and returns when it is made, however long that takes.
/// Error 409 with its words when it fails, Error 503 when no primary begins within 60 s.
Async<Backup> make_backup(SetAccess const& access, bool is_full);

/// Why removing the member would leave too few of the others; empty when it would not.
std::string refusal_to_remove(SetStatus const& status, HostPort const& member, bool force);

}  // namespace minga::cluster
