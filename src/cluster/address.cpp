#include "cluster/address.hpp"

#include <boost/json/value_to.hpp>
#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace minga::cluster {
namespace {

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument(
      fmt::format("'{}' is not HOST:PORT, such as 10.0.0.1:5432 or [fd00::1]:5432", text));
}

std::uint16_t port_of(JsonObject const& object, char const* name) {
  return boost::json::value_to<std::uint16_t>(object.at(name));
}

}  // namespace

std::string bracketed(std::string const& host) {
  return host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
}

std::string HostPort::text() const {
  return fmt::format("{}:{}", bracketed(host), port);
}

HostPort parse_host_port(std::string_view text) {
  auto const colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse(text);
  auto host = text.substr(0, colon);
  auto const port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    refuse(text);
  }
  HostPort parsed{std::string(host), 0};
  auto const [end, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
  if (host.empty() || error != std::errc{} || end != port.data() + port.size()) refuse(text);
  // It stands in URLs, in connection strings and in configuration files.
  auto const is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '_';
  };
  for (char const c : host) {
    if (!is_plain(c)) refuse(text);
  }
  return parsed;
}

std::string MemberAddress::patroni_url() const {
  return fmt::format("https://{}:{}", bracketed(host), patroni);
}

std::string MemberAddress::etcd_url() const {
  return fmt::format("https://{}:{}", bracketed(host), etcd);
}

std::string MemberAddress::peer_url() const {
  return fmt::format("https://{}:{}", bracketed(host), etcd_peer);
}

MemberAddress usual_address(HostPort const& listen) {
  if (listen.port == 0 || listen.port > 65'532) {
    throw std::invalid_argument(
        fmt::format("'{}' leaves no room for the three ports after it; take one from 1 to 65532",
                    listen.text()));
  }
  auto const after = [&](int steps) {
    return static_cast<std::uint16_t>(listen.port + steps);
  };
  return {listen.host, listen.port, after(1), after(2), after(3)};
}

std::vector<HostPort> etcd_endpoints(std::vector<MemberAddress> const& members) {
  std::vector<HostPort> endpoints;
  for (auto const& member : members) endpoints.push_back({member.host, member.etcd});
  return endpoints;
}

Json to_json(MemberAddress const& address) {
  return JsonObject{{"host", address.host},
                    {"port", address.port},
                    {"patroni", address.patroni},
                    {"etcd", address.etcd},
                    {"etcdPeer", address.etcd_peer}};
}

MemberAddress address_from(Json const& value) {
  try {
    auto const& object = value.as_object();
    return {boost::json::value_to<std::string>(object.at("host")), port_of(object, "port"),
            port_of(object, "patroni"), port_of(object, "etcd"), port_of(object, "etcdPeer")};
  } catch (std::exception const& error) {
    throw std::invalid_argument(fmt::format("an address of a member is damaged: {}", error.what()));
  }
}

}  // namespace minga::cluster
