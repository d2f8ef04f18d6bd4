// minga replicas: what an operator asks and tells a replica set.
#include "base/json_text.hpp"
#include "base/time_text.hpp"
#include "cluster/configuration.hpp"
#include "cluster/new_set.hpp"
#include "cluster/operations.hpp"
#include "cluster/parameters.hpp"
#include "server/replica_commands.hpp"
#include "server/replicas.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/value_to.hpp>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <unistd.h>

namespace minga::server {
namespace {

using namespace std::chrono_literals;
using cluster::HostPort;

constexpr std::array kAccessOptions{
    Option{"data", "DIR", "A member's folder on this machine, for its join token (minga-replica)."},
    Option{"join-token", "FILE", "The join token itself, on a machine without a member."},
    Option{"member", "HOST:PORT", "The member to ask first."}};

bool colours() {
  auto const* unwanted = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  return isatty(STDOUT_FILENO) == 1 && (unwanted == nullptr || *unwanted == '\0');
}

HostPort member_argument(std::string const& text) {
  try {
    return cluster::parse_host_port(text);
  } catch (std::invalid_argument const& error) {
    throw std::invalid_argument(fmt::format("{}.", error.what()));
  }
}

/// 0: all is well; 1: something is not.
int print_status(Given const& given) {
  auto const access = access_by(given);
  auto const status = wait_for(cluster::gather_status(access, soon()));
  if (given.as_json) {
    print_json(to_json(status));
  } else {
    fmt::print("{}", to_text(status, now_millis(), colours()));
  }
  return status.is_healthy() ? 0 : 1;
}

std::string client_folder(Given const& given) {
  auto const folder = token_of(given.values).parent_path() / "client";
  return std::filesystem::absolute(folder).lexically_normal().string();
}

JsonObject changes_of(Given const& given) {
  JsonObject changes;
  if (!given.durability.empty()) {
    cluster::parse_durability(given.durability);
    changes["minga"] = JsonObject{{"durability", given.durability}};
  }
  if (given.parameters.empty()) return changes;
  JsonObject parameters;
  std::map<std::string, std::string> to_check;
  for (auto const& parameter : given.parameters) {
    auto const [name, value] = name_and_value(parameter);
    parameters[name] = value;
    to_check[name] = value;
  }
  check_parameters(std::move(to_check));
  changes["postgresql"] = JsonObject{{"parameters", parameters}};
  return changes;
}

void print_configuration(Json const& shared, std::vector<cluster::MemberAddress> const& members,
                         std::string const& url) {
  fmt::print("database URL  {}\n", url);
  for (auto const& member : members) {
    fmt::print("member        {} (Patroni {}, etcd {} and {})\n", member.name(), member.patroni,
               member.etcd, member.etcd_peer);
  }
  for (auto const& [name, value] : shared.as_object()) {
    if (name == "postgresql") continue;
    fmt::print("{:<13} {}\n", std::string_view(name), json_text(value));
  }
  auto const* postgresql = shared.as_object().if_contains("postgresql");
  auto const* parameters = postgresql == nullptr || !postgresql->is_object()
                               ? nullptr
                               : postgresql->get_object().if_contains("parameters");
  if (parameters == nullptr || !parameters->is_object()) return;
  for (auto const& [name, value] : parameters->get_object()) {
    fmt::print("postgres      {}={}\n", std::string_view(name),
               value.is_string() ? std::string(value.get_string()) : json_text(value));
  }
}

int configure(Given const& given) {
  auto const changes = changes_of(given);
  auto const access = access_by(given);
  change_backups(given, access);
  if (!changes.empty()) wait_for(cluster::change_configuration(access, changes, soon()));
  auto const members = wait_for(cluster::current_members(access, soon()));
  auto const shared = wait_for(cluster::read_configuration(access, soon()));
  auto const url = cluster::database_url(members, client_folder(given));
  if (given.as_json) {
    JsonArray list;
    for (auto const& member : members) list.push_back(to_json(member));
    print_json(JsonObject{{"databaseUrl", url}, {"members", list}, {"shared", shared}});
  } else {
    print_configuration(shared, members, url);
  }
  return 0;
}

/// Says what to run: the newcomer enters the set itself.
int explain_add(Given const& given) {
  auto const member = member_argument(given.member);
  auto const access = access_by(given);
  auto const members = wait_for(cluster::current_members(access, soon()));
  for (auto const& each : members) {
    if (each.name() != member.text()) continue;
    throw Error::conflict(fmt::format("{} is a member already.", member.text()));
  }
  auto const token = std::filesystem::absolute(token_of(given.values)).lexically_normal().string();
  fmt::print(
      "1. Copy the join token to the new machine; it holds every secret of the set:\n"
      "     scp -p {} root@{}:join-token\n"
      "2. There, start the member:\n"
      "     minga replica --set {} --data /var/lib/minga-replica --listen {} --join {} "
      "--join-token join-token\n"
      "3. Once it has printed its first line, delete the copy: rm join-token\n",
      token, cluster::bracketed(member.host), access.set(), member.text(), members.front().name());
  if (members.size() % 2 == 1 && members.size() > 1) {
    fmt::print("An even number of members survives no more losses than one less: add two.\n");
  }
  return 0;
}

int remove(Given const& given) {
  auto const member = member_argument(given.member);
  auto const access = access_by(given);
  wait_for(cluster::remove_member(access, member, given.force, soon()));
  fmt::print("{} is no member of the set {} any more.\n", member.text(), access.set());
  return 0;
}

int step_down(Given const& given) {
  std::optional<HostPort> candidate;
  if (!given.candidate.empty()) candidate = member_argument(given.candidate);
  auto const access = access_by(given);
  auto const primary = wait_for(cluster::step_down(access, candidate, soon()));
  fmt::print("{} is the primary now.\n", primary);
  return 0;
}

int reinitialize(Given const& given) {
  auto const member = member_argument(given.member);
  auto const access = access_by(given);
  wait_for(cluster::reinitialize(access, member, soon()));
  fmt::print(
      "{} throws its copy away and clones the primary's; minga replicas status shows how "
      "far it is.\n",
      member.text());
  return 0;
}

int force_new_set(Given const& given) {
  auto const& data = given.values.at("data");
  if (data.empty()) throw std::invalid_argument("force-new-set needs --data, a member's folder.");
  auto const path = std::filesystem::absolute(data.front()).lexically_normal();
  cluster::Folder const folder(path);
  auto const access = access_by(given);
  auto const member = cluster::read_member(folder);
  if (member) wait_for(cluster::require_lost(access, member->address, soon()));
  cluster::force_new_set(folder);
  fmt::print(
      "{0} is a set of its own at its next start, with the data that it has.\n"
      "1. Start its minga replica by the usual command line.\n"
      "2. Never start the other members again: delete their folders, or they would make a second "
      "set.\n"
      "3. Give applications the URL of minga replicas config, which names this member alone.\n"
      "4. Let new members join, by a new copy of the join token: minga replicas add says how.\n",
      member->address.name());
  return 0;
}

class ReplicasCommand {
 public:
  ReplicasCommand(CLI::App& command, Actions& actions) : command_(command), actions_(actions) {}

  CLI::App& add(char const* name, char const* help, int (*run)(Given const&)) {
    auto given = std::make_shared<Given>();
    given_ = given;
    auto* action = command_.add_subcommand(name, help);
    add_options(*action, kAccessOptions, given->values);
    actions_[action] = [given, run] {
      try {
        return run(*given);
      } catch (Error const& error) {
        // What an operator should expect: a sentence, and status 1.
        throw std::runtime_error(error.message());
      }
    };
    return *action;
  }
  Given& given() { return *given_; }

 private:
  CLI::App& command_;
  Actions& actions_;
  std::shared_ptr<Given> given_;  // of the action added last
};

void add_backups(ReplicasCommand& replicas) {
  auto& backup = replicas.add("backup", "Makes a backup now, of what has changed since the last.",
                              make_backup);
  backup.add_flag("--full", replicas.given().full, "Of everything.");
  auto& backups = replicas.add(
      "backups", "Lists the backups, and since when moments can be restored.", list_backups);
  backups.add_flag("--json", replicas.given().as_json, "As JSON.");
  backups
      .add_option("--repository", replicas.given().repository,
                  "Of all sets in that folder, without a set that runs.")
      ->type_name("DIR");
  backups
      .add_option("--backup-settings", replicas.given().backup_settings,
                  "Options of pgBackRest, as for minga replica; goes with --repository.")
      ->type_name("FILE");
}

}  // namespace

void check_parameters(std::map<std::string, std::string> parameters) {
  try {
    wait_for(cluster::check_parameters(std::move(parameters)));
  } catch (std::invalid_argument const& error) {
    refuse_value("postgres", error);
  }
}

void add_replicas(CLI::App& cli, Actions& actions) {
  auto* command = cli.add_subcommand("replicas", "Shows and changes a replica set.");
  command->require_subcommand(1);
  ReplicasCommand replicas(*command, actions);
  auto& status =
      replicas.add("status", "Shows each member, and what a write is worth now.", print_status);
  status.add_flag("--json", replicas.given().as_json, "As JSON.");
  auto& config =
      replicas.add("config", "Shows the set's configuration and URL, or changes it.", configure);
  config.add_flag("--json", replicas.given().as_json, "As JSON.");
  config
      .add_option("--durability", replicas.given().durability,
                  "strict: writes wait while no standby can confirm them; available: they go on.")
      ->type_name("strict|available");
  config
      .add_option("--postgres", replicas.given().parameters,
                  "A setting of PostgreSQL on every member.")
      ->type_name("NAME=VALUE");
  config
      .add_option("--backup-dir", replicas.given().repository,
                  "Where the set keeps its backups from now on, reached by every member by this "
                  "path; off: nowhere.")
      ->type_name("DIR|off");
  config
      .add_option("--backup-settings", replicas.given().backup_settings,
                  "Options of pgBackRest, one NAME=VALUE on a line; goes with --backup-dir.")
      ->type_name("FILE");
  auto& add = replicas.add("add", "Says what to run on the machine of a new member.", explain_add);
  add.add_option("HOST:PORT", replicas.given().member, "The new member.")->required();
  auto& removal = replicas.add("remove", "Takes a member off the set.", remove);
  removal.add_option("HOST:PORT", replicas.given().member, "The member.")->required();
  removal.add_flag("--force", replicas.given().force, "Even if the set loses its majority by it.");
  auto& down = replicas.add("step-down", "Hands the primary's role to a standby.", step_down);
  down.add_option("--to", replicas.given().candidate, "Which one; any that is synchronous.")
      ->type_name("HOST:PORT");
  auto& reinit = replicas.add("reinit", "Makes a standby's copy anew.", reinitialize);
  reinit.add_option("HOST:PORT", replicas.given().member, "The standby.")->required();
  replicas.add(
      "force-new-set",
      "For a set that has lost its majority for good: makes the stopped member of --data a "
      "set of its own.",
      force_new_set);
  add_backups(replicas);
}

}  // namespace minga::server
