#include "cluster/backups.hpp"

#include "async/deadline.hpp"
#include "base/json_text.hpp"
#include "base/logging.hpp"
#include "cluster/archive_queue.hpp"
#include "cluster/attempt.hpp"
#include "cluster/config_key.hpp"
#include "cluster/json_parts.hpp"

#include <boost/asio/error.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unistd.h>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kCall = 2s;
constexpr auto kRead = 2s;
constexpr auto kInspect = 60s;
constexpr auto kMend = 10min;
constexpr auto kRetry = 20s;
constexpr auto kPublish = 20s;
constexpr auto kFullEvery = 7 * 24h;
constexpr auto kIncrementalEvery = 24h;
constexpr std::string_view kArchiveTimeout = "60s";

std::string key(std::string_view name) {
  return fmt::format("{}{}", kBackupKeys, name);
}

/// How pgBackRest reaches the member's own PostgreSQL.
std::vector<std::string> with_database(std::vector<std::string> environment, Folder const& folder,
                                       MemberAddress const& self) {
  for (auto const& setting :
       {"PGHOST=" + self.host, std::string("PGSSLMODE=verify-ca"),
        "PGSSLROOTCERT=" + folder.authority().string(),
        "PGSSLCERT=" + folder.certificate().string(), "PGSSLKEY=" + folder.key().string(),
        "PGPASSFILE=" + BackupFolder(folder).passwords().string()}) {
    environment.push_back(setting);
  }
  return environment;
}

}  // namespace

Backups::Backups(boost::asio::any_io_executor executor, Processes& processes,
                 http::Client const& client, Folder const& folder, SetIdentity const& identity,
                 MemberAddress const& self, ReplicaPrograms const& programs,
                 std::vector<std::string> const& environment)
    : folder_(folder),
      identity_(identity),
      self_(self),
      program_(programs.pgbackrest),
      files_(folder),
      etcd_(client, {{self.host, self.etcd}}),
      configuration_(client, {{self.host, self.etcd}}, identity.set, kConfigurationKey),
      pgbackrest_(processes, programs.pgbackrest, files_.configuration(),
                  with_database(environment, folder, self)),
      work_(std::move(executor), "backups") {}

Async<void> Backups::read() {
  auto listed = co_await etcd_.list(std::string(kBackupKeys), Clock::now() + kCall);
  read_ = Clock::now();
  state_ = backup_state_from(listed);
  write_files();
}

/// The program before PostgreSQL runs it, and each anew when the set's settings change.
void Backups::write_files() {
  if (has_files_ && state_.settings == written_) return;
  make_private_folder(files_.root());
  auto const script =
      state_.settings ? archive_script(program_, files_, *state_.settings) : no_archive_script();
  if (state_.settings) {
    write_private(files_.passwords(),
                  fmt::format("*:*:*:postgres:{}\n", identity_.superuser_password));
    write_private(files_.settings(), boost::json::serialize(to_json(*state_.settings)));
    write_private(
        files_.configuration(),
        pgbackrest_configuration(*state_.settings, files_, folder_.postgres_data(), self_.port));
  }
  write_private(files_.archive(), script, true);
  if (!state_.settings) {
    std::filesystem::remove(files_.configuration());
    std::filesystem::remove(files_.settings());
  }
  if (has_files_ || state_.settings) {
    log::info(state_.settings ? fmt::format("the set's backups go to {} as {}",
                                            state_.settings->repository, state_.settings->stanza)
                              : std::string("the set keeps no backups any more"));
  }
  has_files_ = true;
  written_ = state_.settings;
  // Another repository: nothing is known of it.
  inspected_.reset();
  mended_.reset();
  retry_ = {};
  work_problem_.clear();
  inspect_problem_.clear();
  backups_.clear();
  since_.reset();
  is_cut_ = false;
}

Async<void> Backups::begin(std::optional<BackupSettings> offered) {
  for (;;) {
    try {
      co_await read();
      if (!offered) co_return;
      if (!state_.settings) {
        auto const text = boost::json::serialize(to_json(*offered));
        co_await etcd_.put(key("settings"), text, Clock::now() + kCall);
        co_await read();
      } else if (state_.settings->repository != offered->repository) {
        log::warning(fmt::format(
            "--backup-dir: the set keeps its backups in {}, not {}; minga replicas config "
            "--backup-dir changes it",
            state_.settings->repository, offered->repository));
      }
      co_return;
    } catch (Error const& error) {
      log::warning(fmt::format("where the set's backups go is not known yet: {}", error.message()));
    }
    co_await sleep_for(1s);
  }
}

Async<void> Backups::look(bool is_primary) {
  if (Clock::now() - read_ < kRead) co_return;
  co_await attempt("the backups were not looked at", look_once(is_primary));
}

Async<void> Backups::look_once(bool is_primary) {
  co_await read();
  if (is_primary && !is_primary_) {
    // What a predecessor left is not known.
    inspected_.reset();
    mended_.reset();
    retry_ = {};
    work_problem_.clear();
    if (state_.report) answered_ = state_.report->answered;
  }
  is_primary_ = is_primary;
  if (!state_.settings) co_return;
  look_for_cut();
  if (work_.size() == 0) {
    auto const work = next_work();
    if (work) work_.spawn(carry_out(*work));
  }
  if (is_primary_) co_await publish();
  co_await say_unready();
}

/// While files could not be stored some may have been thrown away.
void Backups::look_for_cut() {
  auto const is_stuck = !read_archive_queue(folder_).failure.empty() || !inspect_problem_.empty();
  if (was_stuck_ && !is_stuck) mended_.reset();
  was_stuck_ = is_stuck;
}

bool Backups::is_requested() const {
  auto const id = text_of(find(state_.request, "id"));
  return !id.empty() && id != answered_;
}

/// By request, by the clock, or because the log has a gap.
std::optional<Backups::Work> Backups::wanted_backup() const {
  if (is_requested()) {
    return truth_of(find(state_.request, "full")) ? Work::full_backup : Work::back_up;
  }
  if (Clock::now() < retry_) return std::nullopt;
  auto const now = now_millis();
  auto const full = std::find_if(backups_.rbegin(), backups_.rend(),
                                 [](Backup const& each) { return each.is_full; });
  if (full == backups_.rend() || now - full->ended > kFullEvery) return Work::full_backup;
  if (is_cut_ || now - backups_.back().ended > kIncrementalEvery) return Work::back_up;
  return std::nullopt;
}

std::optional<Backups::Work> Backups::next_work() const {
  auto const now = Clock::now();
  auto const is_old = !inspected_ || now - *inspected_ > kInspect;
  if (!is_primary_) return is_old ? std::optional(Work::inspect) : std::nullopt;
  if (state_.created != state_.settings->repository) {
    return now >= retry_ ? std::optional(Work::create_stanza) : std::nullopt;
  }
  if (!inspected_) return Work::inspect;
  if (inspect_problem_.empty()) {
    if (!mended_ || now - *mended_ > kMend) return Work::mend;
  }
  // With a repository that is away, too: whoever asked learns why not.
  if (inspect_problem_.empty() || is_requested()) {
    if (auto const backup = wanted_backup()) return backup;
  }
  auto const is_away = !inspect_problem_.empty() && now - *inspected_ > kRetry;
  return is_old || is_away ? std::optional(Work::inspect) : std::nullopt;
}

Async<void> Backups::carry_out(Work work) {
  auto const request = text_of(find(state_.request, "id"));
  auto const is_answer = (work == Work::back_up || work == Work::full_backup) && is_requested();
  std::string failure;
  try {
    if (::access(program_.c_str(), X_OK) != 0) {
      throw Error::unavailable(fmt::format(
          "{} cannot be run. On Debian 12: apt-get install --no-install-recommends pgbackrest.",
          program_));
    }
    co_await do_work(work);
  } catch (Error const& error) {
    failure = error.message();
  } catch (std::exception const& error) {
    auto const* system = dynamic_cast<boost::system::system_error const*>(&error);
    if (system != nullptr && system->code() == boost::asio::error::operation_aborted) throw;
    failure = error.what();
  }
  running_.clear();
  if (is_answer) {
    answered_ = request;
    answer_ = failure;
  }
  if (work == Work::inspect) {
    inspected_ = Clock::now();
    if (!failure.empty() && failure != inspect_problem_) log::error(failure);
    inspect_problem_ = failure;
    co_return;
  }
  if (!failure.empty()) {
    retry_ = Clock::now() + kRetry;
    if (failure != work_problem_) log::error(failure);
  }
  work_problem_ = failure;
  if (work == Work::mend) mended_ = Clock::now();
}

Async<void> Backups::do_work(Work work) {
  switch (work) {
    case Work::create_stanza:
      return create_stanza();
    case Work::inspect:
      return inspect();
    case Work::mend:
      return mend(backups_);
    case Work::back_up:
      return back_up(false);
    case Work::full_backup:
      return back_up(true);
  }
  return inspect();
}

/// Once for each repository: done again where the folder is not what it was, as on a machine that
/// lacks the mount, it would begin a second archive.
Async<void> Backups::create_stanza() {
  auto const settings = *state_.settings;
  co_await pgbackrest_.create_stanza(settings.stanza);
  auto const configuration = co_await read_configuration(configuration_, Clock::now() + kCall);
  auto const* parameters = find(find(&configuration, "postgresql"), "parameters");
  if (find(parameters, "archive_timeout") == nullptr) {
    JsonObject const timeout{{"archive_timeout", kArchiveTimeout}};
    JsonObject const changes{{"postgresql", JsonObject{{"parameters", timeout}}}};
    co_await change_configuration(configuration_, changes, Clock::now() + kCall);
  }
  co_await etcd_.put(key("created"), settings.repository, Clock::now() + kCall);
  state_.created = settings.repository;
  inspected_.reset();
}

Async<void> Backups::inspect() {
  backups_ = co_await read_backups();
}

Async<std::vector<Backup>> Backups::read_backups() {
  auto const settings = *state_.settings;
  auto const stanzas = co_await pgbackrest_.stanzas(kNoDeadline);
  auto const ours = std::find_if(stanzas.begin(), stanzas.end(),
                                 [&](Stanza const& each) { return each.name == settings.stanza; });
  auto const problem = ours == stanzas.end() ? std::string("missing stanza path") : ours->problem;
  if (!problem.empty()) {
    throw Error::unavailable(
        fmt::format("{} on {} does not hold the set's backups ({}): is it there, and the same "
                    "folder as on the other members?",
                    settings.repository, self_.host, problem));
  }
  co_return ours->backups;
}

/// A primary that is lost may have finished files of its log without handing them over. Its
/// successor has them, but PostgreSQL there takes them for stored; so it does with those that were
/// thrown away while too many waited.
Async<std::size_t> Backups::push_missing(std::string oldest,
                                         std::vector<std::string> const& stored) {
  std::set<std::string> const known(stored.begin(), stored.end());
  auto const first = segment_number(oldest);
  std::size_t pushed = 0;
  if (!first) co_return pushed;
  auto const stanza = state_.settings->stanza;
  for (auto const& name : finished_segments(folder_)) {
    if (known.contains(name) || *segment_number(name) < *first) continue;
    co_await pgbackrest_.push(stanza, folder_.postgres_data() / "pg_wal" / name);
    ++pushed;
  }
  co_return pushed;
}

Async<void> Backups::mend(std::vector<Backup> backups) {
  auto const stanza = state_.settings->stanza;
  auto stored = co_await pgbackrest_.segments(stanza, kNoDeadline);
  std::size_t pushed = 0;
  if (!backups.empty()) pushed = co_await push_missing(backups.front().first_segment, stored);
  if (pushed > 0) {
    log::info(fmt::format("stored {} file{} of the log that the repository lacked", pushed,
                          pushed == 1 ? "" : "s"));
    stored = co_await pgbackrest_.segments(stanza, kNoDeadline);
  }
  since_ = restorable_since(backups, stored);
  backups_ = std::move(backups);
  is_cut_ = false;
  if (backups_.empty()) co_return;
  std::vector<Backup> const last{backups_.back()};
  is_cut_ = !restorable_since(last, stored);
  if (is_cut_) log::error("files are missing from the log in the repository: a backup mends it");
}

Async<void> Backups::back_up(bool is_full) {
  running_ = is_full || backups_.empty() ? "full" : "incremental";
  log::info(fmt::format("making a backup ({})", running_));
  auto const stanza = state_.settings->stanza;
  co_await pgbackrest_.back_up(stanza, is_full);
  inspected_.reset();  // what is known of the repository is of before
  auto backups = co_await read_backups();
  inspect_problem_.clear();
  // Told together: the backup, and since when any moment is kept.
  co_await mend(std::move(backups));
  mended_ = Clock::now();
  if (!backups_.empty()) log::info(fmt::format("the backup {} is made", backups_.back().label));
}

BackupReport Backups::report() const {
  auto const queue = read_archive_queue(folder_);
  BackupReport report;
  report.at = now_millis();
  report.member = self_.name();
  report.running = running_;
  report.waiting = queue.waiting;
  report.waiting_since = queue.waiting_since;
  report.archived_at = queue.archived_at;
  report.since = since_;
  report.backups = backups_;
  report.answered = answered_;
  report.answer = answer_;
  if (!queue.failure.empty()) {
    report.problem = waiting_text(report) + ": " + queue.failure;
  } else {
    report.problem = inspect_problem_.empty() ? work_problem_ : inspect_problem_;
  }
  return report;
}

Async<void> Backups::publish() {
  auto made = report();
  auto const at = made.at;
  made.at = {};
  auto const content = boost::json::serialize(to_json(made));
  if (content == published_ && Clock::now() - published_at_ < kPublish) co_return;
  made.at = at;
  auto const text = boost::json::serialize(to_json(made));
  co_await etcd_.put(key("report"), text, Clock::now() + kCall);
  published_ = content;
  published_at_ = Clock::now();
}

/// A standby says why it could not go on with the backups: better now than when it must.
Async<void> Backups::say_unready() {
  auto const unready = is_primary_ ? std::string() : inspect_problem_;
  auto const listed = state_.unready.find(self_.name());
  auto const said = listed == state_.unready.end() ? std::string() : listed->second;
  if (unready == said || (!is_primary_ && !inspected_)) co_return;
  auto const name = key("unready/" + self_.name());
  if (unready.empty()) {
    co_await etcd_.erase(name, Clock::now() + kCall);
  } else {
    co_await etcd_.put(name, unready, Clock::now() + kCall);
  }
}

Async<void> Backups::stop() {
  work_.cancel();
  co_await work_.join();
}

}  // namespace minga::cluster
