#include "cluster/configuration.hpp"

#include "base/json_text.hpp"
#include "cluster/backup_settings.hpp"
#include "cluster/process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <unistd.h>

namespace minga::cluster {
namespace {

constexpr long kMiB = 1L << 20;
constexpr long kMostSharedBuffers = 8'192;  // MiB

std::string host_port(std::string const& host, std::uint16_t port) {
  return HostPort{host, port}.text();
}

/// A quarter of the machine's memory, as PostgreSQL's manual advises.
std::string shared_buffers() {
  auto const memory = ::sysconf(_SC_PHYS_PAGES) / 4 * (::sysconf(_SC_PAGESIZE) / 1'024) / 1'024;
  return fmt::format("{}MB", std::clamp(memory, 32L, kMostSharedBuffers));
}

JsonObject etcd_tls(Folder const& folder) {
  return {{"cert-file", folder.certificate().string()},
          {"key-file", folder.key().string()},
          {"trusted-ca-file", folder.authority().string()},
          {"client-cert-auth", true}};
}

/// A role that a member uses, which shows the member's certificate besides the password.
JsonObject credentials(MemberConfiguration const& member, char const* user,
                       std::string const& password) {
  return {{"username", user},
          {"password", password},
          {"sslmode", "verify-ca"},
          {"sslrootcert", member.folder.authority().string()},
          {"sslcert", member.folder.certificate().string()},
          {"sslkey", member.folder.key().string()}};
}

/// What is the same on every member: kept in etcd from the first start on.
JsonObject shared_parameters() {
  return {{"wal_level", "replica"},
          {"hot_standby", "on"},
          {"max_connections", 200},
          {"max_worker_processes", 8},
          {"max_wal_senders", 16},
          {"max_replication_slots", 16},
          {"max_prepared_transactions", 0},
          {"track_commit_timestamp", "off"},
          // A member that was away for a while catches up from this.
          {"wal_keep_size", "1GB"},
          {"max_slot_wal_keep_size", "16GB"},
          {"synchronous_commit", "on"},
          {"fsync", "on"},
          {"full_page_writes", "on"},
          {"wal_compression", "lz4"},
          // A partner that is gone is noticed within seconds, not minutes.
          {"wal_sender_timeout", "5s"},
          {"wal_receiver_timeout", "5s"},
          {"wal_receiver_status_interval", "1s"},
          {"wal_retrieve_retry_interval", "200ms"},
          {"tcp_keepalives_idle", 5},
          {"tcp_keepalives_interval", 2},
          {"tcp_keepalives_count", 3},
          {"tcp_user_timeout", "10s"},
          {"password_encryption", "scram-sha-256"},
          {"ssl_min_protocol_version", "TLSv1.2"},
          {"timezone", "UTC"},
          {"log_timezone", "UTC"},
          {"log_line_prefix", "postgres[%p] "},
          {"logging_collector", "off"},
          {"log_destination", "stderr"},
          {"log_checkpoints", "off"},
          {"log_connections", "off"},
          {"log_disconnections", "off"}};
}

std::string archive_command(Folder const& folder) {
  return shell_quoted(BackupFolder(folder).archive().string()) + " \"%p\"";
}

JsonObject own_parameters(MemberConfiguration const& member) {
  JsonObject parameters{{"shared_buffers", shared_buffers()},
                        {"unix_socket_directories", ""},
                        // Whether there is a repository is the program's to know: to turn
                        // archiving on takes a restart.
                        {"archive_mode", "on"},
                        {"archive_command", archive_command(member.folder)},
                        {"ssl", "on"},
                        {"ssl_ca_file", member.folder.authority().string()},
                        {"ssl_cert_file", member.folder.certificate().string()},
                        {"ssl_key_file", member.folder.key().string()}};
  for (auto const& [name, value] : member.parameters) parameters[name] = value;
  return parameters;
}

JsonArray host_based_access() {
  // Members prove themselves by certificate and password; whoever else has a role, by its password.
  return {"hostssl replication replicator all scram-sha-256 clientcert=verify-ca",
          "hostssl all postgres,rewind all scram-sha-256 clientcert=verify-ca",
          "hostssl all all all scram-sha-256"};
}

JsonObject dynamic_configuration(MemberConfiguration const& member) {
  return {{"ttl", member.timing.ttl.count()},
          {"loop_wait", member.timing.loop.count()},
          {"retry_timeout", member.timing.retry.count()},
          {"maximum_lag_on_failover", kMiB},
          // A crashed primary may recover for that long before a standby takes over.
          {"primary_start_timeout", 10},
          {"primary_stop_timeout", 30},
          {"synchronous_mode", true},
          // Turned on with the third member: alone, or as two, nothing could be written.
          {"synchronous_mode_strict", false},
          {"synchronous_node_count", 1},
          {"failsafe_mode", true},
          {"minga", {{"durability", durability_name(member.durability)}}},
          {"postgresql",
           {{"use_pg_rewind", true},
            // A new primary makes them two turns after its promotion, and no standby could follow
            // before: writes would wait that long. wal_keep_size holds what standbys need.
            {"use_slots", false},
            {"remove_data_directory_on_rewind_failure", true},
            {"remove_data_directory_on_diverged_timelines", true},
            {"parameters", shared_parameters()}}}};
}

JsonArray initdb_options() {
  JsonArray options{"data-checksums"};
  for (auto const* option : {"encoding=UTF8", "locale=C.UTF-8", "lc-collate=C", "lc-messages=C",
                             "auth-host=scram-sha-256", "auth-local=reject"}) {
    std::string_view const text = option;
    auto const equals = text.find('=');
    options.push_back(JsonObject{{text.substr(0, equals), text.substr(equals + 1)}});
  }
  return options;
}

JsonObject bootstrap(MemberConfiguration const& member) {
  auto const create = fmt::format("{} -X -q -v ON_ERROR_STOP=1 -f {}",
                                  shell_quoted((member.programs.postgres / "psql").string()),
                                  shell_quoted(member.folder.bootstrap_sql().string()));
  JsonObject made{{"dcs", dynamic_configuration(member)}, {"post_bootstrap", create}};
  if (!member.is_restored) {
    made["initdb"] = initdb_options();
    return made;
  }
  auto const move = fmt::format("/bin/mv -T {} {}", shell_quoted(member.folder.restored().string()),
                                shell_quoted(member.folder.postgres_data().string()));
  made["method"] = "restored";
  made["restored"] = JsonObject{{"command", move}, {"no_params", true}};
  return made;
}

/// The leader's key ends by the clock of the etcd that is asked to keep it: each member's by its
/// own machine's, so that a wrong clock is the matter of one member.
JsonObject patroni_etcd(MemberConfiguration const& member) {
  JsonArray hosts;
  for (auto const& other : member.identity.members) {
    if (other.name() != member.address.name()) {
      hosts.push_back(Json(host_port(other.host, other.etcd)));
    }
  }
  auto const avoids_own = member.clock_is_behind && !hosts.empty();
  if (!avoids_own) {
    hosts.insert(hosts.begin(), Json(host_port(member.address.host, member.address.etcd)));
  }
  return {{"hosts", hosts},
          // Patroni's word for: these, the first that answers, and not any that they know of. By
          // itself it picks one at random, and waits for it when its machine is gone.
          {"use_proxies", true},
          {"protocol", "https"},
          {"cacert", member.folder.authority().string()},
          {"cert", member.folder.certificate().string()},
          {"key", member.folder.key().string()}};
}

JsonObject patroni_postgresql(MemberConfiguration const& member) {
  auto const& identity = member.identity;
  auto const address = host_port(member.address.host, member.address.port);
  return {{"listen", address},
          {"connect_address", address},
          {"data_dir", member.folder.postgres_data().string()},
          {"bin_dir", member.folder.postgres_programs().string()},
          {"pgpass", member.folder.passwords().string()},
          {"use_unix_socket", false},
          {"authentication",
           {{"superuser", credentials(member, "postgres", identity.superuser_password)},
            {"replication", credentials(member, "replicator", identity.replication_password)},
            {"rewind", credentials(member, "rewind", identity.rewind_password)}}},
          {"parameters", own_parameters(member)},
          {"pg_hba", host_based_access()},
          {"basebackup", JsonObject{{"checkpoint", "fast"}}}};
}

void link_programs(MemberConfiguration const& member) {
  auto const folder = member.folder.postgres_programs();
  make_private_folder(folder);
  for (auto const& entry : std::filesystem::directory_iterator(member.programs.postgres)) {
    auto const link = folder / entry.path().filename();
    if (entry.path().filename() == "postgres") continue;
    std::filesystem::remove(link);
    std::filesystem::create_symlink(entry.path(), link);
  }
  write_private(folder / "postgres", postgres_script(member.programs), true);
}

}  // namespace

Durability parse_durability(std::string_view text) {
  if (text == "strict") return Durability::strict;
  if (text == "available") return Durability::available;
  throw std::invalid_argument(fmt::format("'{}' is not strict or available", text));
}

std::string_view durability_name(Durability durability) {
  return durability == Durability::strict ? "strict" : "available";
}

int synchronous_standbys(std::size_t members) {
  return std::max(1, static_cast<int>(members / 2));
}

Timing timing_of(std::chrono::seconds ttl) {
  if (ttl.count() < 5 || ttl.count() > 300) {
    throw std::invalid_argument(
        fmt::format("'{}' is not a number of seconds from 5 to 300", ttl.count()));
  }
  Timing timing;
  timing.ttl = ttl;
  timing.loop = std::chrono::seconds(std::clamp<long>(ttl.count() / 5, 1, 10));
  timing.retry = (ttl - timing.loop) / 2;
  return timing;
}

Json etcd_configuration(MemberConfiguration const& member) {
  auto const& address = member.address;
  auto const own = fmt::format("{}={}", address.name(), address.peer_url());
  auto const listen = [&](std::uint16_t port) {
    return "https://" + host_port(member.listen_address, port);
  };
  JsonObject configuration{
      {"name", address.name()},
      {"data-dir", member.folder.etcd_data().string()},
      {"listen-peer-urls", listen(address.etcd_peer)},
      {"listen-client-urls", listen(address.etcd)},
      {"initial-advertise-peer-urls", address.peer_url()},
      {"advertise-client-urls", address.etcd_url()},
      {"initial-cluster", member.etcd_cluster.empty() ? own : member.etcd_cluster},
      {"initial-cluster-state", member.etcd_cluster.empty() ? "new" : "existing"},
      {"initial-cluster-token", member.identity.id},
      {"strict-reconfig-check", true},
      // On by default, but not where a file configures etcd 3.4.
      {"enable-grpc-gateway", true},
      {"enable-v2", true},  // Patroni's way in
      // A member that was cut off does not force an election when it returns.
      {"pre-vote", true},
      {"heartbeat-interval", 100},
      {"election-timeout", 1'000},
      // Patroni needs the present alone; history only fills the disk.
      {"auto-compaction-mode", "periodic"},
      {"auto-compaction-retention", "1h"},
      {"logger", "zap"},
      {"log-level", "warn"},
      {"log-outputs", JsonArray{"stderr"}},
      {"client-transport-security", etcd_tls(member.folder)},
      {"peer-transport-security", etcd_tls(member.folder)}};
  return configuration;
}

Json patroni_configuration(MemberConfiguration const& member) {
  auto const& folder = member.folder;
  auto const rest = host_port(member.address.host, member.address.patroni);
  return JsonObject{{"scope", member.identity.set},
                    {"namespace", kPatroniNamespace},
                    {"name", member.address.name()},
                    {"log",
                     {{"level", "INFO"},
                      {"traceback_level", "DEBUG"},
                      {"format", "patroni %(levelname)s %(message)s"}}},
                    {"restapi",
                     {{"listen", rest},
                      {"connect_address", rest},
                      {"certfile", folder.certificate().string()},
                      {"keyfile", folder.key().string()},
                      {"cafile", folder.authority().string()},
                      // Anyone may ask how it is; what changes something takes a certificate.
                      {"verify_client", "optional"}}},
                    {"ctl",
                     {{"cacert", folder.authority().string()},
                      {"certfile", folder.certificate().string()},
                      {"keyfile", folder.key().string()}}},
                    // By etcd's second API. With the third, Patroni 3.0 writes the leader's key
                    // without a look at who holds it: a primary that was paused for longer than
                    // the ttl takes it back from its successor, and answered writes are lost.
                    {"etcd", patroni_etcd(member)},
                    {"bootstrap", bootstrap(member)},
                    {"postgresql", patroni_postgresql(member)},
                    {"watchdog", {{"mode", "automatic"}, {"safety_margin", -1}}}};
}

std::string bootstrap_sql(SetIdentity const& identity) {
  // The password is drawn from letters and digits: nothing in it needs an escape.
  return fmt::format(
      "CREATE ROLE minga LOGIN PASSWORD '{}';\n"
      // What the set does with what is written: GET /api/cluster/status tells it.
      "GRANT pg_monitor TO minga;\n"
      "CREATE DATABASE minga OWNER minga;\n",
      identity.application_password);
}

std::string restored_sql(SetIdentity const& identity) {
  return fmt::format("ALTER ROLE minga LOGIN PASSWORD '{}';\n", identity.application_password);
}

std::string postgres_script(ReplicaPrograms const& programs) {
  // The program itself by way of its process: its file may have been replaced, or stand where the
  // user may not go.
  return fmt::format(
      "#!/bin/sh\nexec \"/proc/$MINGA_REPLICA_PID/exe\" replica-postgres {} \"$@\"\n",
      shell_quoted((programs.postgres / "postgres").string()));
}

void write_configuration(MemberConfiguration const& member) {
  link_programs(member);
  write_private(member.folder.etcd_configuration(), pretty(etcd_configuration(member)) + "\n");
  write_patroni_configuration(member);
}

void write_patroni_configuration(MemberConfiguration const& member) {
  write_private(member.folder.patroni_configuration(),
                pretty(patroni_configuration(member)) + "\n");
}

}  // namespace minga::cluster
