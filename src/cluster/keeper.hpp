#pragma once

#include "cluster/configuration.hpp"
#include "cluster/etcd.hpp"
#include "cluster/etcd_key.hpp"
#include "cluster/patroni.hpp"

#include <string>
#include <vector>

namespace minga::cluster {

/// The keys in etcd below which each member's address stands: what Patroni knows of a member is
/// gone with it, and an operator wants to see who is missing.
inline constexpr std::string_view kMemberKeys = "/minga-members/";

/// How the present primary came to be it, and who was last asked to step down.
inline constexpr std::string_view kElectionKeys = "/minga-election/";
inline constexpr std::string_view kStepDownKeys = "/minga-step-down/";

/// What one member does for its set while it runs: says where it is, keeps the list of members in
/// its join token, and, as the primary's, keeps the set's settings fit for the number of members.
class Keeper {
 public:
  /// All of them must outlive this.
  Keeper(http::Client const& client, Folder const& folder, SetIdentity& identity,
         MemberAddress const& self, std::chrono::seconds ttl);

  /// Writes the member's own address into etcd; once it answers.
  Async<void> enter();
  /// One look, every second. What goes wrong is logged: the next look may see more.
  Async<void> look();
  /// Reads the list of members from any etcd member.
  Async<void> refresh_members();

  std::vector<MemberAddress> const& members() const { return identity_.members; }
  std::vector<HostPort> other_endpoints() const;

  /// An operator has taken the member off the list.
  bool is_removed() const { return misses_ > 1; }
  /// A member that was removed takes its vote out of etcd, while its own etcd runs: without it two
  /// of two members could decide nothing, not even this. Error when that is not so by the deadline.
  Async<void> leave_etcd(Deadline deadline);

  /// As of the last look.
  bool is_primary() const { return is_primary_; }

  /// Patroni's API has given no answer for twice the ttl.
  bool patroni_is_silent() const { return Clock::now() - heard_ > silence_; }
  /// It was started just now, which takes its time.
  void await_patroni();

 private:
  std::vector<HostPort> endpoints() const;  // etcd's, this member's first
  Async<void> look_once();
  Async<void> look_at_patroni();
  Async<void> note_election();
  Async<std::string> election_reason(std::string previous);
  Async<void> fit_settings(std::size_t voters);
  Async<void> change_settings(JsonObject changes);
  Async<void> move_etcd_leader(std::vector<EtcdMember> const& members);
  Async<bool> follows(HostPort member, std::string leader);
  Async<std::string> hand_etcd_over(std::vector<EtcdMember> const& members);

  http::Client const& client_;
  Folder const& folder_;
  SetIdentity& identity_;
  MemberAddress self_;
  Etcd etcd_;
  Patroni patroni_;
  EtcdKey configuration_;
  Clock::duration silence_;
  Clock::time_point heard_ = Clock::now();
  Clock::time_point refreshed_{};
  Clock::time_point moved_{};
  Clock::time_point released_{};  // when writes that waited for a standby were let go
  int misses_ = 0;                // looks in a row at lists without this member
  bool is_primary_ = false;
  bool is_noted_ = false;
};

}  // namespace minga::cluster
