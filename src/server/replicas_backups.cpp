// minga replicas backup and backups, and what all of minga replicas begins with.
#include "async/deadline.hpp"
#include "base/json_text.hpp"
#include "base/time_text.hpp"
#include "cluster/configuration.hpp"
#include "cluster/operations.hpp"
#include "cluster/text_parts.hpp"
#include "server/replicas.hpp"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <unistd.h>

namespace minga::server {
namespace {

using namespace std::chrono_literals;
using cluster::HostPort;
using cluster::SetAccess;

constexpr auto kPatience = 20s;

cluster::BackupOptions options_of(Given const& given) {
  if (given.backup_settings.empty()) return {};
  try {
    return cluster::read_backup_options(given.backup_settings);
  } catch (std::invalid_argument const& error) {
    refuse_value("backup-settings", error);
  }
}

std::string repository_of(Given const& given, char const* option) {
  try {
    return cluster::parse_repository(given.repository);
  } catch (std::invalid_argument const& error) {
    refuse_value(option, error);
  }
}

/// A folder for pgBackRest's configuration, gone with this.
class WorkFolder {
 public:
  WorkFolder() {
    std::string made = (std::filesystem::temp_directory_path() / "minga-XXXXXX").string();
    if (::mkdtemp(made.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "making a temporary folder");
    }
    path_ = made;
  }
  ~WorkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  WorkFolder(WorkFolder const&) = delete;
  WorkFolder& operator=(WorkFolder const&) = delete;

  std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Async<std::vector<cluster::Stanza>> read_repository(std::filesystem::path folder,
                                                    cluster::BackupSettings settings) {
  auto const executor = co_await boost::asio::this_coro::executor;
  auto& context = static_cast<boost::asio::io_context&>(executor.context());
  cluster::Processes processes(context);
  TaskGroup reaping(executor, "reaper");
  reaping.spawn(processes.run());
  cluster::Folder const member(folder);
  auto const configuration = folder / "pgbackrest.conf";
  cluster::write_private(configuration,
                         cluster::pgbackrest_configuration(settings, cluster::BackupFolder(member),
                                                           member.postgres_data(), 5432));
  std::vector<std::string> environment{"PATH=/usr/bin:/bin", "TZ=UTC"};
  cluster::PgBackRest const pgbackrest(processes, cluster::ReplicaPrograms().pgbackrest,
                                       configuration, std::move(environment));
  std::vector<cluster::Stanza> stanzas;
  std::exception_ptr failure;
  try {
    stanzas = co_await pgbackrest.stanzas(Clock::now() + kPatience);
  } catch (std::exception const&) {
    failure = std::current_exception();
  }
  reaping.cancel();
  co_await reaping.join();
  if (failure) std::rethrow_exception(failure);
  co_return stanzas;
}

int list_repository(Given const& given) {
  cluster::BackupSettings const settings{repository_of(given, "repository"), "any",
                                         options_of(given)};
  WorkFolder const folder;
  auto const stanzas = wait_for(read_repository(folder.path(), settings));
  if (given.as_json) {
    JsonArray sets;
    for (auto const& stanza : stanzas) {
      JsonArray backups;
      for (auto const& backup : stanza.backups) backups.push_back(to_json(backup));
      sets.push_back(JsonObject{{"stanza", stanza.name},
                                {"problem", cluster::text_or_null(stanza.problem)},
                                {"backups", backups}});
    }
    print_json(sets);
  } else if (stanzas.empty()) {
    fmt::print("{} holds no backups.\n", settings.repository);
  } else {
    fmt::print("{}", cluster::stanzas_text(stanzas));
  }
  return stanzas.empty() ? 1 : 0;
}

}  // namespace

std::filesystem::path token_of(Values const& values) {
  if (!values.at("join-token").empty()) return values.at("join-token").front();
  auto const& data = values.at("data");
  return std::filesystem::path(data.empty() ? "minga-replica" : data.front()) / "join-token";
}

SetAccess access_by(Given const& given) {
  std::optional<HostPort> first;
  with_value(given.values, "member",
             [&](std::string const& value) { first = cluster::parse_host_port(value); });
  auto const token = token_of(given.values);
  std::error_code unreadable;
  if (!std::filesystem::exists(token, unreadable)) {
    throw std::invalid_argument(fmt::format(
        "There is no join token {}. Give a member's folder by --data DIR, or a copy of its file "
        "join-token by --join-token FILE.",
        token.string()));
  }
  return SetAccess(cluster::read_join_token(token), first);
}

Deadline soon() {
  return Clock::now() + kPatience;
}

void print_json(Json const& value) {
  fmt::print("{}\n", pretty(value));
}

int make_backup(Given const& given) {
  auto const access = access_by(given);
  auto const backup = wait_for(cluster::make_backup(access, given.full));
  fmt::print("{} is made, {}: {} of the database, {} more in the repository.\n", backup.label,
             backup.is_full ? "full" : "incremental", cluster::bytes_text(backup.bytes),
             cluster::bytes_text(backup.stored_bytes));
  return 0;
}

/// 0: all is well; 1: something is not.
int list_backups(Given const& given) {
  if (!given.repository.empty()) return list_repository(given);
  auto const access = access_by(given);
  auto const state = wait_for(cluster::read_backup_state(access, soon()));
  auto const now = now_millis();
  if (given.as_json) {
    print_json(to_json(state, now));
  } else {
    fmt::print("{}", cluster::backups_text(state, now));
  }
  return cluster::backup_problem(state, now).empty() ? 0 : 1;
}

void change_backups(Given const& given, SetAccess const& access) {
  if (given.repository.empty() && !given.backup_settings.empty()) {
    throw std::invalid_argument("--backup-settings goes with --backup-dir.");
  }
  if (given.repository.empty()) return;
  if (given.repository == "off") {
    wait_for(cluster::leave_repository(access, soon()));
    return;
  }
  auto repository = repository_of(given, "backup-dir");
  wait_for(cluster::change_repository(access, std::move(repository), options_of(given), soon()));
}

}  // namespace minga::server
