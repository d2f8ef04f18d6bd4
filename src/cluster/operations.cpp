#include "cluster/operations.hpp"

#include "async/deadline.hpp"
#include "cluster/config_key.hpp"
#include "cluster/keeper.hpp"
#include "cluster/membership.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kCall = 5s;
constexpr auto kSwitch = 60s;
constexpr auto kLeaving = 60s;   // for a removed member to end by itself
constexpr auto kLastSteps = 5s;  // after its Patroni has ended
constexpr auto kLeavePatience = 20s;
constexpr auto kStep = 200ms;

std::string names_of(SetStatus const& status) {
  std::string names;
  for (auto const& member : status.members) {
    names += (names.empty() ? "" : ", ") + member.address.name();
  }
  return names;
}

MemberStatus const* primary_of(SetStatus const& status) {
  for (auto const& member : status.members) {
    if (member.role == "primary") return &member;
  }
  return nullptr;
}

/// Until its Patroni no longer answers; true when that was within the time.
Async<bool> is_gone(SetAccess const& access, MemberAddress const& member, Deadline deadline) {
  auto const patroni = access.patroni(member);
  while (!has_passed(deadline)) {
    try {
      co_await patroni.check("/liveness", Clock::now() + kCall);
    } catch (Error const&) {
      co_return true;
    }
    co_await sleep_for(kStep);
  }
  co_return false;
}

Async<bool> is_in_etcd(Etcd const& etcd, HostPort member, Deadline deadline) {
  auto const members = co_await etcd.members(deadline);
  co_return std::any_of(members.begin(), members.end(),
                        [&](EtcdMember const& each) { return each.name == member.text(); });
}

/// A member that runs reads it there and ends in order. Returns how long it may need for the rest.
Async<Clock::duration> take_off_the_list(SetAccess const& access, MemberStatus const& leaving,
                                         bool force, Deadline deadline) {
  auto const name = leaving.address.name();
  co_await access.etcd().erase(std::string(kMemberKeys) + name, deadline);
  if (leaving.state == "unreachable") co_return 0s;
  auto const gone = co_await is_gone(access, leaving.address, Clock::now() + kLeaving);
  if (gone || force) co_return kLastSteps;
  throw Error::conflict(fmt::format(
      "{} is off the list but still runs: end its minga replica, then remove it again.", name));
}

MemberStatus const* find_member(SetStatus const& status, HostPort const& member) {
  auto const found =
      std::find_if(status.members.begin(), status.members.end(),
                   [&](MemberStatus const& each) { return each.address.name() == member.text(); });
  return found != status.members.end() ? &*found : nullptr;
}

Async<EtcdKey> configuration_key(SetAccess const& access, Deadline deadline) {
  auto const members = co_await current_members(access, deadline);
  co_return EtcdKey(access.client(), etcd_endpoints(members), access.set(), kConfigurationKey);
}

}  // namespace

MemberStatus const& require_member(SetStatus const& status, HostPort const& member) {
  if (auto const* found = find_member(status, member)) return *found;
  throw Error::not_found(fmt::format("There is no member {} in the set {}; there are: {}.",
                                     member.text(), status.set, names_of(status)));
}

std::string refusal_to_remove(SetStatus const& status, HostPort const& member, bool force) {
  auto const& leaving = require_member(status, member);
  if (status.members.size() < 2) {
    return fmt::format("{} is the last member: to end the set, stop it.", member.text());
  }
  if (leaving.role == "primary") {
    return fmt::format("{} is the primary: let it step down first (minga replicas step-down).",
                       member.text());
  }
  auto const was_there = leaving.etcd != "learner" && leaving.etcd != "unreachable";
  auto const left = status.voters - 1;
  auto const present = status.voters_present - (was_there ? 1 : 0);
  auto const majority = left / 2 + 1;
  if (present >= majority || force) return "";
  return fmt::format(
      "Without {} the set has {} votes, needs {} for a majority, and {} answer now: it could not "
      "elect a primary. Bring members back or remove those that are lost first; --force does it "
      "all the same.",
      member.text(), left, majority, present);
}

Async<void> remove_member(SetAccess const& access, HostPort member, bool force, Deadline deadline) {
  auto const status = co_await gather_status(access, deadline);
  auto const& etcd = access.etcd();
  Clock::duration rest{};
  if (find_member(status, member) != nullptr) {
    auto const refusal = refusal_to_remove(status, member, force);
    if (!refusal.empty()) throw Error::conflict(refusal);
    rest = co_await take_off_the_list(access, require_member(status, member), force, deadline);
  } else {
    auto const was_broken_off = co_await is_in_etcd(etcd, member, deadline);
    if (!was_broken_off) require_member(status, member);
  }
  auto const now = Clock::now();
  co_await leave_etcd(etcd, member.text(), now + rest, now + kLeavePatience);
}

Async<std::string> step_down(SetAccess const& access, std::optional<HostPort> candidate,
                             Deadline deadline) {
  auto const status = co_await gather_status(access, deadline);
  auto const* primary = primary_of(status);
  if (primary == nullptr) {
    throw Error::conflict(fmt::format("The set {} has no primary now.", status.set));
  }
  if (candidate && require_member(status, *candidate).role == "primary") {
    throw Error::conflict(fmt::format("{} is the primary already.", candidate->text()));
  }
  auto const from = primary->address.name();
  auto const to = candidate ? candidate->text() : std::string();
  JsonObject const asked{{"from", from}, {"at", format_time(now_millis())}};
  auto const& etcd = access.etcd();
  auto const text = boost::json::serialize(asked);
  co_await etcd.put(std::string(kStepDownKeys) + "last", text, deadline);
  auto const patroni = access.patroni(primary->address);
  auto const until = std::max(deadline, Clock::now() + kSwitch);
  std::exception_ptr failure;
  try {
    co_await patroni.switch_over(from, to, until);
  } catch (Error const&) {
    failure = std::current_exception();
  }
  if (failure) {
    // A primary that is lost right after has not stepped down.
    co_await etcd.erase(std::string(kStepDownKeys) + "last", until);
    std::rethrow_exception(failure);
  }
  auto const after = co_await gather_status(access, until);
  co_return after.primary;
}

Async<void> reinitialize(SetAccess const& access, HostPort member, Deadline deadline) {
  auto const status = co_await gather_status(access, deadline);
  auto const& chosen = require_member(status, member);
  if (chosen.role == "primary") {
    throw Error::conflict(
        fmt::format("{} is the primary, whose data the others are copies of.", member.text()));
  }
  if (status.primary.empty()) {
    throw Error::conflict(fmt::format("The set {} has no primary to clone from: {} keeps its data.",
                                      status.set, member.text()));
  }
  auto const patroni = access.patroni(chosen.address);
  co_await patroni.reinitialize(deadline);
}

Async<Json> read_configuration(SetAccess const& access, Deadline deadline) {
  auto const key = co_await configuration_key(access, deadline);
  co_return co_await read_configuration(key, deadline);
}

Async<void> change_configuration(SetAccess const& access, JsonObject changes, Deadline deadline) {
  auto const key = co_await configuration_key(access, deadline);
  co_await change_configuration(key, std::move(changes), deadline);
}

}  // namespace minga::cluster
