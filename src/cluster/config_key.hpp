#pragma once

#include "cluster/etcd_key.hpp"

namespace minga::cluster {

// Of Patroni's key "config", the set's configuration. Patroni's own API tells what it saw in its
// last turn, and carries out a change that it was sent while its machine was paused whenever that
// goes on. Error 503 when etcd does not answer, or there is no configuration yet.

inline constexpr std::string_view kConfigurationKey = "config";

Async<Json> read_configuration(EtcdKey const& key, Deadline deadline);

/// Changes members of it, null removes one, and keeps what others change meanwhile. Patroni sees it
/// in its next turn.
Async<void> change_configuration(EtcdKey const& key, JsonObject changes, Deadline deadline);

}  // namespace minga::cluster
