#include "cluster/membership.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr auto kRest = 500ms;
constexpr auto kStep = 100ms;

/// The one to ask first, then the others.
std::vector<HostPort> endpoints_of(SetIdentity const& identity, HostPort const& first) {
  auto const asked = identity.find(first);
  std::vector<HostPort> endpoints{{asked.host, asked.etcd}};
  for (auto const& member : identity.members) {
    if (member.name() != asked.name()) endpoints.push_back({member.host, member.etcd});
  }
  return endpoints;
}

/// As a learner first: it gets etcd's data without a vote, so that the set stays able to decide
/// even if this machine dies right now.
Async<std::string> enter(Etcd const& etcd, MemberAddress const& self, Deadline deadline) {
  auto members = co_await etcd.members(deadline);
  auto const peer = self.peer_url();
  for (auto const& member : members) {
    auto const is_ours =
        std::find(member.peer_urls.begin(), member.peer_urls.end(), peer) != member.peer_urls.end();
    // An earlier start died before it had data, or the machine lost its disk.
    if (is_ours) co_await etcd.remove(member.id, deadline);
  }
  co_await etcd.add_learner(peer, deadline);
  members = co_await etcd.members(deadline);
  std::string cluster;
  for (auto const& member : members) {
    for (auto const& url : member.peer_urls) {
      auto const name = url == peer ? self.name() : member.name;
      cluster += fmt::format("{}{}={}", cluster.empty() ? "" : ",", name, url);
    }
  }
  co_return cluster;
}

/// Whether the list lacks it. Where it does not, and asking is due, etcd is asked to let it go.
Async<bool> has_left(Etcd const& etcd, std::string name, bool asks, Deadline deadline) {
  auto const members = co_await etcd.members(deadline);
  auto const found = std::find_if(members.begin(), members.end(),
                                  [&](EtcdMember const& each) { return each.name == name; });
  if (found == members.end()) co_return true;
  if (asks) co_await etcd.remove(found->id, deadline);
  co_return false;
}

}  // namespace

/// etcd takes in one member at a time, and nobody until its members have been together for some
/// seconds.
Async<std::string> join_etcd(http::Client const& client, SetIdentity const& identity,
                             MemberAddress const& self, HostPort first) {
  Etcd const etcd(client, endpoints_of(identity, first));
  auto const deadline = Clock::now() + kPatience;
  log::info(fmt::format("asking {} to join the set {}", first.text(), identity.set));
  std::string told;
  for (;;) {
    try {
      co_return co_await enter(etcd, self, deadline);
    } catch (Error const& error) {
      if (has_passed(deadline)) throw;
      if (error.message() != told) log::info(fmt::format("not yet: {}", error.message()));
      told = error.message();
    }
    co_await sleep_for(kRest);
  }
}

Async<void> leave_etcd(Etcd const& etcd, std::string name, Deadline from, Deadline deadline) {
  for (;;) {
    try {
      auto const is_out = co_await has_left(etcd, name, has_passed(from), deadline);
      if (is_out) co_return;
    } catch (Error const& error) {
      if (has_passed(deadline - kStep)) throw;
      log::debug(fmt::format("{} is still in etcd: {}", name, error.message()));
    }
    co_await sleep_for(kStep);
  }
}

}  // namespace minga::cluster
