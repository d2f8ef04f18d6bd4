#pragma once

#include "cluster/address.hpp"
#include "http/client.hpp"

#include <string>

namespace minga::cluster {

/// Patroni's key of who is synchronous, in etcd's second API. Only those that it names may become
/// primary.
class SyncKey {
 public:
  /// The client must outlive this.
  SyncKey(http::Client const& client, HostPort etcd, std::string const& set);

  /// Makes a Patroni that starts while its PostgreSQL is the primary choose the synchronous
  /// standbys anew. Patroni 3.0 sets `synchronous_standby_names` to any then (or to none, where
  /// writes need not wait), sees that the key names whom it would choose, and leaves it so: a write
  /// is confirmed by one standby, and another may become primary. Here one that does not exist is
  /// added to the key's names, so that they differ: the rest is Patroni's. Does nothing where the
  /// key is not of this member as the primary. Error 503 when etcd does not answer, Error 409 when
  /// the key has changed meanwhile.
  Async<void> have_chosen_anew(std::string const& primary, Deadline deadline) const;

 private:
  Async<http::ClientResponse> send(std::string method, std::string query, Deadline deadline) const;

  http::Client const& client_;
  HostPort etcd_;
  std::string path_;
};

}  // namespace minga::cluster
