#pragma once

#include "base/time_text.hpp"
#include "cluster/access.hpp"
#include "cluster/backup_report.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::cluster {

/// What one member says of itself when it is asked.
struct MemberLook {
  MemberAddress address;
  std::optional<Json> patroni;  // "/patroni"; nothing: no answer
  std::optional<EtcdStatus> etcd;
  std::string failure;  // why Patroni gave no answer
};

/// All that was seen of a set at one moment.
struct SetLook {
  std::string set;
  std::vector<MemberLook> members;
  std::vector<EtcdMember> voters;  // and learners; empty: no etcd member answered
  std::optional<Json> cluster;     // Patroni's "/cluster"
  std::optional<Json> configuration;
  std::optional<Json> history;
  std::optional<Json> election;  // as the primary's keeper wrote it
  BackupState backups;
  SystemTime now;
};

struct MemberStatus {
  MemberAddress address;
  std::string role;   // primary, standby, none
  std::string state;  // Patroni's word; unreachable
  bool is_healthy = false;
  std::string problem;  // what is wrong; empty: nothing
  std::string sync;     // sync: holds every answered write; async; empty: not connected
  std::string source;   // the member whose changes it gets
  std::string etcd;     // leader, follower, learner, leaderless, unreachable
  std::optional<std::chrono::seconds> uptime;
  std::optional<std::int64_t> lag_bytes;  // not yet visible to its readers
  std::optional<double> lag_seconds;      // age of the last change that they see; 0 when all
  std::optional<std::int64_t> timeline;
  std::optional<SystemTime> last_heartbeat;  // when it last heard of etcd
};

struct Election {
  SystemTime at;
  std::string primary;
  std::string previous;  // empty: there was none
  std::string reason;
};

struct SetStatus {
  std::string set;
  std::string primary;  // empty: none
  std::string writes;   // "yes"; "waiting": for a standby; "no"
  bool is_strict = false;
  std::size_t voters = 0;  // members that count for the majority
  std::size_t majority = 0;
  std::size_t voters_present = 0;
  std::size_t durable_copies = 0;  // members that hold a write before it is answered, right now
  std::int64_t wanted_standbys = 0;
  /// Who may become the primary if it is lost now: those that Patroni knows to hold every answered
  /// write. None for some seconds after each election.
  std::vector<std::string> successors;
  std::int64_t term = 0;  // etcd's
  std::optional<std::int64_t> timeline;
  std::optional<Election> election;
  BackupState backups;  // without settings: the set keeps none
  std::vector<MemberStatus> members;
  SystemTime now;

  bool is_healthy() const;
};

/// Asks every member at once, and waits for none longer than the deadline, 3 s at most. Members
/// that do not answer are part of the result. Error 503 when nobody knows who the members are.
Async<SetStatus> gather_status(SetAccess const& access, Deadline deadline);

/// The members as etcd has them; those that the token names when no etcd member answers.
Async<std::vector<MemberAddress>> current_members(SetAccess const& access, Deadline deadline);

/// What the looks mean; no I/O.
SetStatus combine(SetLook const& look);

JsonObject to_json(SetStatus const& status);
/// For a terminal or a file, aligned; colours by ANSI sequences.
std::string to_text(SetStatus const& status, SystemTime now, bool colours);

}  // namespace minga::cluster
