#include "server/replica_commands.hpp"

#include "base/time_text.hpp"
#include "cluster/replica.hpp"
#include "records/change_log.hpp"
#include "server/command_options.hpp"
#include "server/replicas.hpp"
#include "server/settings.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <stdexcept>

namespace minga::server {
namespace {

using cluster::ReplicaSettings;

constexpr std::array kReplicaOptions{
    Option{"set", "NAME", "The set's name: letters, digits and -."},
    Option{"data", "DIR", "The member's folder (minga-replica)."},
    Option{"listen", "HOST:PORT",
           "Where the others and the applications reach PostgreSQL; the three ports after it are "
           "Patroni's and etcd's. Port 0 lets the kernel choose all four, once."},
    Option{"join", "HOST:PORT", "A member of the set to join; the first member has none."},
    Option{"join-token", "FILE", "The file join-token of a member's folder; needed with --join."},
    Option{"user", "NAME", "Whom root becomes (postgres)."},
    Option{"patroni-port", "PORT", "Patroni's REST API (PORT + 1)."},
    Option{"etcd-port", "PORT", "etcd for clients (PORT + 2)."},
    Option{"etcd-peer-port", "PORT", "etcd for the other members (PORT + 3)."},
    Option{"ttl", "SECONDS",
           "First member: how long the set waits for a silent primary, 5 to 300 (5)."},
    Option{"durability", "strict|available",
           "First member: whether writes wait while no standby can confirm them (strict)."},
    Option{"postgres", "NAME=VALUE", "A setting of this member's PostgreSQL.", true},
    Option{"backup-dir", "DIR",
           "Where the set keeps its backups and its log, for a set that has no such folder yet: "
           "every member reaches it by this path."},
    Option{"backup-settings", "FILE",
           "Options of pgBackRest, one NAME=VALUE on a line: for other stores than a folder, for "
           "encryption."},
    Option{"restore-from", "DIR",
           "First member: begin with what a set has in this folder, instead of an empty database."},
    Option{"restore-to", "TIME", "The moment, such as 2026-11-21T12:34:56Z (all that there is)."},
    Option{"restore-set", "NAME", "Which set, where the folder holds several."},
    Option{"log-format", "text|json", "Form of the log's lines (text)."},
    Option{"log-level", "LEVEL", "debug, info, warning or error (info)."}};

std::int64_t number(std::string const& text, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
    throw std::invalid_argument(
        fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
  }
  return value;
}

std::string set_name(std::string const& text) {
  auto const fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (text.empty() || text.size() > 40 || !std::all_of(text.begin(), text.end(), fits)) {
    throw std::invalid_argument(fmt::format("'{}' is not 1 to 40 letters, digits and -", text));
  }
  return text;
}

void start_log(Values const& values) {
  Settings settings;
  for (auto const& setting : setting_names()) {
    if (setting.name != "log-format" && setting.name != "log-level") continue;
    with_value(values, setting.name,
               [&](std::string const& value) { setting.assign(settings, value); });
  }
  log::start(settings.log_format, settings.log_level);
}

void read_ports(Values const& values, ReplicaSettings& settings) {
  auto const read = [&](char const* name, std::optional<std::uint16_t>& port) {
    with_value(values, name, [&](std::string const& value) {
      port = static_cast<std::uint16_t>(number(value, 1, 65'535));
    });
  };
  read("patroni-port", settings.patroni_port);
  read("etcd-port", settings.etcd_port);
  read("etcd-peer-port", settings.etcd_peer_port);
}

bool is_given(Values const& values, char const* name) {
  return !values.at(name).empty();
}

void require_with(Values const& values, char const* name, char const* needed) {
  if (!is_given(values, name) || is_given(values, needed)) return;
  throw std::invalid_argument(fmt::format("--{} goes with --{}.", name, needed));
}

void read_restore(Values const& values, ReplicaSettings& settings) {
  require_with(values, "restore-to", "restore-from");
  require_with(values, "restore-set", "restore-from");
  if (!is_given(values, "restore-from")) return;
  if (settings.join) {
    throw std::invalid_argument(
        "--restore-from begins a new set, so it does not go with --join: the other members join "
        "the first one and clone its data.");
  }
  cluster::RestoreSettings restore;
  restore.options = settings.backup_options;
  with_value(values, "restore-from", [&](std::string const& value) {
    restore.repository = cluster::parse_repository(value);
  });
  with_value(values, "restore-set", [&](std::string const& value) { restore.stanza = value; });
  with_value(values, "restore-to", [&](std::string const& value) {
    restore.to = parse_time(value);
    if (!restore.to) {
      throw std::invalid_argument(
          fmt::format("'{}' is not a time such as 2026-11-21T12:34:56Z", value));
    }
  });
  // Positions of before the moment must not pass for positions of after it.
  for (auto const& statement : records::new_epoch()) restore.statements.push_back(statement.sql);
  restore.table = "_changes";
  settings.restore = std::move(restore);
}

void read_backups(Values const& values, ReplicaSettings& settings) {
  if (is_given(values, "backup-settings") && !is_given(values, "backup-dir") &&
      !is_given(values, "restore-from")) {
    throw std::invalid_argument("--backup-settings goes with --backup-dir or --restore-from.");
  }
  with_value(values, "backup-dir", [&](std::string const& value) {
    settings.backup_repository = cluster::parse_repository(value);
  });
  with_value(values, "backup-settings", [&](std::string const& value) {
    settings.backup_options = cluster::read_backup_options(value);
  });
}

void require_given(Values const& values, char const* name, char const* example) {
  if (!values.at(name).empty()) return;
  throw std::invalid_argument(
      fmt::format("minga replica needs --{}, such as --{} {}.", name, name, example));
}

ReplicaSettings read_replica(Values const& values) {
  require_given(values, "set", "main");
  require_given(values, "listen", "10.0.0.1:5432");
  ReplicaSettings settings;
  with_value(values, "set", [&](std::string const& value) { settings.set = set_name(value); });
  with_value(values, "data", [&](std::string const& value) { settings.data = value; });
  with_value(values, "listen",
             [&](std::string const& value) { settings.listen = cluster::parse_host_port(value); });
  with_value(values, "join",
             [&](std::string const& value) { settings.join = cluster::parse_host_port(value); });
  with_value(values, "join-token", [&](std::string const& value) { settings.join_token = value; });
  with_value(values, "user", [&](std::string const& value) { settings.user = value; });
  read_ports(values, settings);
  with_value(values, "ttl", [&](std::string const& value) {
    settings.ttl = std::chrono::seconds(number(value, 5, 300));
  });
  with_value(values, "durability", [&](std::string const& value) {
    settings.durability = cluster::parse_durability(value);
  });
  with_value(values, "postgres",
             [&](std::string const& value) { settings.parameters.insert(name_and_value(value)); });
  if (!settings.join && !settings.join_token.empty()) {
    throw std::invalid_argument(
        "--join-token needs --join HOST:PORT, a member of the set; without both a new set is "
        "made.");
  }
  if (settings.join && settings.join_token.empty()) {
    throw std::invalid_argument(
        "--join needs --join-token FILE: a copy of the file join-token in the data folder of a "
        "member, which holds the secrets of the set.");
  }
  read_backups(values, settings);
  read_restore(values, settings);
  return settings;
}

void add_replica(CLI::App& cli, Actions& actions) {
  auto* command = cli.add_subcommand(
      "replica", "Runs one member of a replica set: PostgreSQL, Patroni and etcd.");
  auto values = std::make_shared<Values>();
  add_options(*command, kReplicaOptions, *values);
  actions[command] = [values] {
    auto settings = read_replica(*values);
    check_parameters(settings.parameters);
    start_log(*values);
    return cluster::run_replica(std::move(settings));
  };
}

/// What minga replica starts PostgreSQL through; not for people.
void add_postgres(CLI::App& cli, Actions& actions) {
  auto* command = cli.add_subcommand("replica-postgres", "Used by minga replica.");
  command->group("");
  command->prefix_command();
  actions[command] = [command] {
    return cluster::become_postgres(command->remaining());
  };
}

}  // namespace

void add_replica_commands(CLI::App& cli, Actions& actions) {
  add_replica(cli, actions);
  add_replicas(cli, actions);
  add_postgres(cli, actions);
}

}  // namespace minga::server
