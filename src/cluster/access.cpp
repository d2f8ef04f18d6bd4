#include "cluster/access.hpp"

#include <algorithm>

namespace minga::cluster {
namespace {

http::ClientTls own_certificate(SetIdentity const& identity) {
  auto issued = issue_certificate(identity.authority, "minga replicas", {});
  return {identity.authority.certificate, std::move(issued.certificate), std::move(issued.key)};
}

std::vector<MemberAddress> order(SetIdentity const& identity,
                                 std::optional<HostPort> const& first) {
  auto members = identity.members;
  if (!first) return members;
  auto const asked = identity.find(*first);
  std::erase(members, asked);
  members.insert(members.begin(), asked);
  return members;
}

}  // namespace

SetAccess::SetAccess(SetIdentity identity, std::optional<HostPort> first)
    : identity_(std::move(identity)),
      known_(order(identity_, first)),
      client_(own_certificate(identity_)),
      etcd_(client_, etcd_endpoints(known_)) {}

Patroni SetAccess::patroni(MemberAddress const& member) const {
  return {client_, {member.host, member.patroni}};
}

}  // namespace minga::cluster
