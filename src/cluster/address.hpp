#pragma once

#include <minga/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minga::cluster {

/// HOST:PORT; the host an address (IPv6 without brackets) or a name.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  /// With brackets around IPv6.
  std::string text() const;
  bool operator==(HostPort const&) const = default;
};

/// Throws std::invalid_argument that says what is right.
HostPort parse_host_port(std::string_view text);

/// `[::1]` for an IPv6 address, else the host itself.
std::string bracketed(std::string const& host);

/// Where a member is reached. Its name in every list is the HOST:PORT of its PostgreSQL.
struct MemberAddress {
  std::string host;
  std::uint16_t port = 0;       // PostgreSQL
  std::uint16_t patroni = 0;    // Patroni's REST API
  std::uint16_t etcd = 0;       // etcd for clients
  std::uint16_t etcd_peer = 0;  // etcd for the other members

  std::string name() const { return HostPort{host, port}.text(); }
  std::string patroni_url() const;
  std::string etcd_url() const;
  std::string peer_url() const;
  bool operator==(MemberAddress const&) const = default;
};

/// The four ports in a row that a member has unless it is told others.
MemberAddress usual_address(HostPort const& listen);

/// Where the members' etcd answer clients, in the members' order.
std::vector<HostPort> etcd_endpoints(std::vector<MemberAddress> const& members);

Json to_json(MemberAddress const& address);
/// Throws std::invalid_argument for what to_json() did not write.
MemberAddress address_from(Json const& value);

}  // namespace minga::cluster
