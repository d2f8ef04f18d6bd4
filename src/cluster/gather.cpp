// Asks the members of a set, all at once.
#include "async/deadline.hpp"
#include "async/task_group.hpp"
#include "base/json_text.hpp"
#include "cluster/keeper.hpp"
#include "cluster/status.hpp"

#include <algorithm>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 3s;

Async<void> look_at_patroni(SetAccess const* access, MemberLook* look, Deadline deadline) {
  auto const patroni = access->patroni(look->address);
  try {
    look->patroni = co_await patroni.get("/patroni", deadline);
  } catch (Error const& error) {
    look->failure = error.message();
  }
}

Async<void> look_at_etcd(SetAccess const* access, MemberLook* look, Deadline deadline) {
  Etcd const etcd(access->client(), {{look->address.host, look->address.etcd}});
  try {
    look->etcd = co_await etcd.status(deadline);
  } catch (Error const&) {
    look->etcd.reset();
  }
}

/// The same from any member: the first answer.
Async<std::optional<Json>> ask_any(SetAccess const& access, std::vector<MemberLook> const& looks,
                                   std::string path, Deadline deadline) {
  for (auto const& look : looks) {
    if (!look.patroni) continue;
    auto const patroni = access.patroni(look.address);
    try {
      co_return co_await patroni.get(path, deadline);
    } catch (Error const&) {
      continue;  // the next one may know
    }
  }
  co_return std::nullopt;
}

Async<std::optional<Json>> read_election(SetAccess const& access, Deadline deadline) {
  auto const& etcd = access.etcd();
  try {
    auto const found = co_await etcd.list(std::string(kElectionKeys), deadline);
    if (!found.empty()) co_return read_json(found.begin()->second);
  } catch (Error const&) {
    co_return std::nullopt;  // etcd is not there: the status says so itself
  }
  co_return std::nullopt;
}

/// As the members wrote it. Of members that left, what they wrote may be there still.
Async<BackupState> read_backups(SetAccess const& access, std::vector<MemberAddress> const& members,
                                Deadline deadline) {
  BackupState state;
  auto const& etcd = access.etcd();
  try {
    auto const listed = co_await etcd.list(std::string(kBackupKeys), deadline);
    state = backup_state_from(listed);
  } catch (Error const&) {
    co_return BackupState();  // etcd is not there: the status says so itself
  }
  std::erase_if(state.unready, [&](auto const& each) {
    return std::none_of(members.begin(), members.end(),
                        [&](MemberAddress const& member) { return member.name() == each.first; });
  });
  co_return state;
}

Async<std::vector<EtcdMember>> read_voters(SetAccess const& access, Deadline deadline) {
  auto const& etcd = access.etcd();
  try {
    co_return co_await etcd.members(deadline);
  } catch (Error const&) {
    co_return std::vector<EtcdMember>();
  }
}

}  // namespace

Async<std::vector<MemberAddress>> current_members(SetAccess const& access, Deadline deadline) {
  auto const& etcd = access.etcd();
  std::vector<MemberAddress> members;
  try {
    auto const listed = co_await etcd.list(std::string(kMemberKeys), deadline);
    for (auto const& [key, text] : listed) members.push_back(address_from(read_json(text)));
  } catch (Error const&) {
    members.clear();
  }
  if (members.empty()) members = access.known();
  if (members.empty()) throw Error::unavailable("No member of the set is known.");
  co_return members;
}

Async<SetStatus> gather_status(SetAccess const& access, Deadline deadline) {
  SetLook look;
  look.set = access.set();
  auto const addresses =
      co_await current_members(access, std::min(deadline, Clock::now() + kPatience));
  auto const until = std::min(deadline, Clock::now() + kPatience);
  for (auto const& address : addresses) look.members.push_back({address, {}, {}, {}});
  TaskGroup asking(co_await boost::asio::this_coro::executor, "status");
  for (auto& member : look.members) {
    asking.spawn(look_at_patroni(&access, &member, until));
    asking.spawn(look_at_etcd(&access, &member, until));
  }
  co_await asking.join();
  auto const rest = std::min(deadline, Clock::now() + kPatience);
  look.voters = co_await read_voters(access, rest);
  look.cluster = co_await ask_any(access, look.members, "/cluster", rest);
  look.configuration = co_await ask_any(access, look.members, "/config", rest);
  look.history = co_await ask_any(access, look.members, "/history", rest);
  look.election = co_await read_election(access, rest);
  look.backups = co_await read_backups(access, addresses, rest);
  look.now = now_millis();
  co_return combine(look);
}

}  // namespace minga::cluster
