#pragma once

#include "cluster/backup_settings.hpp"
#include "cluster/configuration.hpp"
#include "cluster/restore.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace minga::cluster {

/// What `minga replica` is told. docs/replication.md lists every option.
struct ReplicaSettings {
  std::string set;
  std::filesystem::path data = "minga-replica";
  HostPort listen;
  std::optional<HostPort> join;
  std::filesystem::path join_token;
  std::string user = "postgres";  // whom root becomes
  std::optional<std::uint16_t> patroni_port;
  std::optional<std::uint16_t> etcd_port;
  std::optional<std::uint16_t> etcd_peer_port;
  std::chrono::seconds ttl{5};
  Durability durability = Durability::strict;
  std::map<std::string, std::string> parameters;
  std::string backup_repository;  // empty: the set keeps no backups, or knows where already
  BackupOptions backup_options;
  std::optional<RestoreSettings> restore;  // for a set's first start
  ReplicaPrograms programs;
};

}  // namespace minga::cluster
