// What an operator does to the backups of a set.
#include "async/deadline.hpp"
#include "base/ids.hpp"
#include "cluster/json_parts.hpp"
#include "cluster/operations.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <optional>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kCall = 5s;
constexpr auto kBegin = 60s;
constexpr auto kStep = 500ms;
constexpr std::size_t kIdLength = 12;

std::string key(std::string_view name) {
  return fmt::format("{}{}", kBackupKeys, name);
}

/// Files of the log shall not be kept from the repository for longer than this.
Async<void> set_archive_timeout(SetAccess const& access, Json value, Deadline deadline) {
  JsonObject const parameters{{"archive_timeout", value}};
  JsonObject const changes{{"postgresql", JsonObject{{"parameters", parameters}}}};
  co_await change_configuration(access, changes, deadline);
}

Async<BackupState> read_state(Etcd const& etcd, Deadline deadline) {
  auto const listed = co_await etcd.list(std::string(kBackupKeys), deadline);
  co_return backup_state_from(listed);
}

/// Nothing as long as it goes on. A primary that is replaced meanwhile begins anew by its
/// successor, so a state that cannot be read is no end.
Async<std::optional<BackupState>> look_for_answer(Etcd const& etcd, std::string const& id) {
  try {
    auto state = co_await read_state(etcd, Clock::now() + kCall);
    if (state.report && state.report->answered == id) co_return state;
  } catch (Error const&) {
    co_return std::nullopt;
  }
  co_return std::nullopt;
}

Async<bool> is_being_made(Etcd const& etcd) {
  try {
    auto const state = co_await read_state(etcd, Clock::now() + kCall);
    co_return state.report && !state.report->running.empty();
  } catch (Error const&) {
    co_return false;
  }
}

}  // namespace

Async<void> change_repository(SetAccess const& access, std::string repository,
                              BackupOptions options, Deadline deadline) {
  BackupSettings const settings{repository, access.id(), std::move(options)};
  auto const& etcd = access.etcd();
  auto const text = boost::json::serialize(to_json(settings));
  auto const state = co_await read_state(etcd, deadline);
  if (state.settings == settings) {
    throw Error::conflict(fmt::format("The set keeps its backups in {} already.", repository));
  }
  co_await etcd.put(key("settings"), text, deadline);
}

Async<void> leave_repository(SetAccess const& access, Deadline deadline) {
  auto const& etcd = access.etcd();
  for (auto const* name : {"settings", "created", "report", "request"}) {
    co_await etcd.erase(key(name), deadline);
  }
  co_await set_archive_timeout(access, nullptr, deadline);
}

Async<BackupState> read_backup_state(SetAccess const& access, Deadline deadline) {
  auto const& etcd = access.etcd();
  auto state = co_await read_state(etcd, deadline);
  if (state.settings) co_return state;
  throw Error::conflict(
      fmt::format("The set {} keeps no backups: minga replicas config --backup-dir DIR says where.",
                  access.set()));
}

Async<Backup> make_backup(SetAccess const& access, bool is_full) {
  co_await read_backup_state(access, Clock::now() + kCall);
  auto const& etcd = access.etcd();
  auto const id = random_text(kIdLength);
  JsonObject const request{{"id", id}, {"full", is_full}};
  auto const text = boost::json::serialize(request);
  co_await etcd.put(key("request"), text, Clock::now() + kCall);
  auto begin_by = Clock::now() + kBegin;
  for (;;) {
    auto const state = co_await look_for_answer(etcd, id);
    if (state && !state->report->answer.empty()) throw Error::conflict(state->report->answer);
    if (state && !state->report->backups.empty()) co_return state->report->backups.back();
    auto const is_running = co_await is_being_made(etcd);
    if (is_running) begin_by = Clock::now() + kBegin;
    if (has_passed(begin_by)) {
      co_await etcd.erase(key("request"), Clock::now() + kCall);
      throw Error::unavailable("No primary has begun the backup: minga replicas status says more.");
    }
    co_await sleep_for(kStep);
  }
}

}  // namespace minga::cluster
