#pragma once

#include "cluster/etcd.hpp"
#include "cluster/folder.hpp"
#include "cluster/patroni.hpp"
#include "http/client.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace minga::cluster {

/// A way into a set from outside its members, for whoever holds the join token: a certificate of
/// its own for the time, and the members' addresses. Immutable; used from any thread.
class SetAccess {
 public:
  /// `first`, where given, is asked before the others.
  explicit SetAccess(SetIdentity identity, std::optional<HostPort> first = std::nullopt);

  std::string const& set() const { return identity_.set; }
  std::string const& id() const { return identity_.id; }
  http::Client const& client() const { return client_; }
  std::vector<MemberAddress> const& known() const { return known_; }

  /// etcd at any of the members.
  Etcd const& etcd() const { return etcd_; }
  Patroni patroni(MemberAddress const& member) const;

 private:
  SetIdentity identity_;
  std::vector<MemberAddress> known_;
  http::Client client_;
  Etcd etcd_;
};

}  // namespace minga::cluster
