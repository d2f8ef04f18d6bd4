#pragma once

#include "cluster/folder.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace minga::cluster {

/// What a set does when too few standbys are there to hold a copy of every write.
enum class Durability {
  strict,     // writes wait
  available,  // writes go on with the copies there are; a failure then loses the last ones
};

/// Throws std::invalid_argument that says what is right.
Durability parse_durability(std::string_view text);
std::string_view durability_name(Durability durability);

/// How many standbys confirm a write in a set of that many members, so that a majority holds it.
int synchronous_standbys(std::size_t members);

/// Patroni's clockwork, all in whole seconds. It asks that loop + 2 * retry <= ttl; release 3.0
/// takes any ttl, later ones none below 20.
struct Timing {
  std::chrono::seconds ttl{5};    // a primary that is not heard of for that long is replaced
  std::chrono::seconds loop{1};   // between two looks
  std::chrono::seconds retry{2};  // for one call to etcd or PostgreSQL
};

/// The timing of a ttl from 5 s to 300 s. Throws std::invalid_argument.
Timing timing_of(std::chrono::seconds ttl);

/// Where all sets' Patroni have their keys in etcd.
inline constexpr char const* kPatroniNamespace = "/minga/";

struct ReplicaPrograms {
  std::string etcd = "/usr/bin/etcd";
  std::string patroni = "/usr/bin/patroni";
  std::string pgbackrest = "/usr/bin/pgbackrest";
  std::filesystem::path postgres = "/usr/lib/postgresql/15/bin";  // the folder
};

/// What the files of one member are made from.
struct MemberConfiguration {
  SetIdentity const& identity;
  Folder const& folder;
  MemberAddress address;
  std::string listen_address;  // of the host: etcd binds to addresses only
  ReplicaPrograms programs;
  Timing timing;
  Durability durability = Durability::strict;
  std::map<std::string, std::string> parameters;  // PostgreSQL's, of this member
  /// NAME=URL of every etcd member, comma-separated; empty for the first member.
  std::string etcd_cluster;
  bool is_restored = false;  // the set begins with what stands in folder.restored()
  /// This machine's clock was set back: Patroni uses the other members' etcd, for by its own the
  /// leader's key has ended at once for them. Without the others there is no majority in any case.
  bool clock_is_behind = false;
};

Json etcd_configuration(MemberConfiguration const& member);
Json patroni_configuration(MemberConfiguration const& member);
/// The role and the database of applications; run once, in a new set.
std::string bootstrap_sql(SetIdentity const& identity);
/// The same for a set that begins with a restored database, whose role has the lost set's password.
std::string restored_sql(SetIdentity const& identity);
/// Stands for PostgreSQL's server program: passes through this program, which ties the server's
/// life to its own.
std::string postgres_script(ReplicaPrograms const& programs);

/// Writes them all, and links PostgreSQL's programs.
void write_configuration(MemberConfiguration const& member);
/// What Patroni reads at its next start.
void write_patroni_configuration(MemberConfiguration const& member);

}  // namespace minga::cluster
