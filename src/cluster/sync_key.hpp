#pragma once

#include "cluster/etcd_key.hpp"

#include <string>

namespace minga::cluster {

// Of Patroni's key "sync", which says who is synchronous. Error 503 when etcd does not answer.

/// Whether the member is the primary that the key names or may follow it: as a synchronous
/// standby, or as anybody where there is none.
Async<bool> may_lead(EtcdKey const& key, std::string const& member, Deadline deadline);

/// Makes a Patroni that starts while its PostgreSQL is the primary choose the synchronous
/// standbys anew: only those that the key names may become primary. Patroni 3.0 sets
/// `synchronous_standby_names` to any when it starts (or to none, where writes need not wait), sees
/// that the key names whom it would choose, and leaves it so: a write is confirmed by one standby,
/// and another may become primary. Here one that does not exist is added to the key's names, so
/// that they differ: the rest is Patroni's. Does nothing where the key is not of this member as the
/// primary. Error 409 when the key has changed meanwhile.
Async<void> have_standbys_chosen_anew(EtcdKey const& key, std::string const& primary,
                                      Deadline deadline);

}  // namespace minga::cluster
