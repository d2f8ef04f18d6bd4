#include "cluster/replica.hpp"

#include "async/deadline.hpp"
#include "async/task_group.hpp"
#include "base/json_text.hpp"
#include "base/logging.hpp"
#include "cluster/attempt.hpp"
#include "cluster/backups.hpp"
#include "cluster/child_log.hpp"
#include "cluster/etcd.hpp"
#include "cluster/json_parts.hpp"
#include "cluster/keeper.hpp"
#include "cluster/leader_watch.hpp"
#include "cluster/membership.hpp"
#include "cluster/patroni.hpp"
#include "cluster/prepare.hpp"
#include "cluster/process.hpp"
#include "cluster/restore.hpp"
#include "cluster/sync_key.hpp"
#include "cluster/wall_clock.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <unistd.h>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kStep = 100ms;
constexpr auto kProbe = 500ms;  // what is starting accepts connections before it answers
constexpr auto kCall = 5s;
constexpr auto kBriefCall = 1s;         // where others wait for it
constexpr auto kPatroniPatience = 90s;  // a shutdown writes what is not on the disk yet
constexpr auto kEtcdPatience = 10s;
constexpr auto kLeavePatience = 10s;

std::vector<std::string> child_environment(Folder const& folder) {
  return {"PATH=/usr/bin:/bin",
          "LC_ALL=C.UTF-8",
          "TZ=UTC",
          "HOME=" + folder.root().string(),
          "PYTHONUNBUFFERED=1",
          fmt::format("MINGA_REPLICA_PID={}", ::getpid())};
}

void write_patroni_line(std::string_view line) {
  write(read_patroni_line(line));
}

void write_etcd_line(std::string_view line) {
  write(read_etcd_line(line));
}

class Replica {
 public:
  Replica(boost::asio::io_context& context, ReplicaSettings const& settings, Prepared prepared)
      : context_(context),
        settings_(settings),
        prepared_(std::move(prepared)),
        client_(member_tls(prepared_)),
        etcd_here_(client_, {{address().host, address().etcd}}),
        patroni_here_(client_, {address().host, address().patroni}),
        processes_(context),
        etcd_(context, processes_,
              {"etcd",
               {settings.programs.etcd, "--config-file",
                prepared_.folder.etcd_configuration().string()},
               child_environment(prepared_.folder),
               prepared_.folder.root()},
              write_etcd_line),
        patroni_(context, processes_,
                 {"patroni",
                  {settings.programs.patroni, prepared_.folder.patroni_configuration().string()},
                  child_environment(prepared_.folder),
                  prepared_.folder.root()},
                 write_patroni_line),
        keeper_(client_, prepared_.folder, prepared_.identity, address(), settings.ttl),
        backups_(context.get_executor(), processes_, client_, prepared_.folder, prepared_.identity,
                 address(), settings.programs, child_environment(prepared_.folder)),
        reaping_(context.get_executor(), "reaper"),
        running_(context.get_executor(), "replica"),
        sync_key_(client_, {{address().host, address().etcd}}, settings.set, "sync"),
        leader_key_(client_, {{address().host, address().etcd}}, settings.set, "leader"),
        leader_watch_(leader_key_, sync_key_, patroni_here_, address().name()) {
    patroni_.before_start([this] { return prepare_patroni(); });
  }

  /// Until a signal, or until the start fails.
  Async<int> run();

 private:
  MemberAddress const& address() const { return prepared_.member.address; }
  static http::ClientTls member_tls(Prepared const& prepared) {
    return {prepared.identity.authority.certificate, read_text(prepared.folder.certificate()),
            read_text(prepared.folder.key())};
  }

  Async<void> live();
  Async<void> start();
  Async<void> wait_for_etcd();
  Async<bool> etcd_is_ready();
  Async<void> wait_for_postgres();
  Async<bool> postgres_is_ready();
  MemberConfiguration configuration(std::string etcd_cluster = "") const;
  bool clear_remains(bool joins);
  Async<void> make_first(bool is_new);
  std::optional<BackupSettings> offered_backups() const;
  void announce();
  void configure_patroni();
  Async<void> prepare_patroni();
  Async<void> choose_standbys_anew();
  void start_patroni_anew();
  Async<void> watch_patroni();
  Async<void> watch_members();
  Async<void> keep();
  Async<void> stop();

  boost::asio::io_context& context_;
  ReplicaSettings const& settings_;
  Prepared prepared_;
  http::Client client_;
  Etcd etcd_here_;
  Patroni patroni_here_;
  Processes processes_;
  Supervised etcd_;
  Supervised patroni_;
  Keeper keeper_;
  Backups backups_;
  std::exception_ptr failure_;
  TaskGroup reaping_;
  TaskGroup running_;
  EtcdKey sync_key_;
  EtcdKey leader_key_;
  LeaderWatch leader_watch_;
  bool is_to_choose_ = false;  // etcd could not be told that Patroni is to choose anew
  WallClock wall_clock_;
  bool clock_is_behind_ = false;           // as far as is known
  std::vector<MemberAddress> configured_;  // the members that Patroni is told of
  bool is_primary_ = false;
};

MemberConfiguration Replica::configuration(std::string etcd_cluster) const {
  return {prepared_.identity,
          prepared_.folder,
          address(),
          prepared_.listen_address,
          settings_.programs,
          timing_of(settings_.ttl),
          settings_.durability,
          settings_.parameters,
          std::move(etcd_cluster),
          std::filesystem::exists(prepared_.folder.restored()),
          clock_is_behind_};
}

Async<bool> Replica::etcd_is_ready() {
  EtcdStatus status;
  try {
    status = co_await etcd_here_.status(Clock::now() + kProbe);
    if (status.is_learner) {
      Etcd const others(client_, keeper_.other_endpoints());
      co_await others.promote(status.id, Clock::now() + kCall);
      log::info("etcd: has caught up and votes now");
      co_return true;
    }
  } catch (Error const& error) {
    log::debug(error.message());
    co_return false;
  }
  co_return status.has_leader();
}

Async<void> Replica::wait_for_etcd() {
  auto told = Clock::now();
  for (;;) {
    auto const is_ready = co_await etcd_is_ready();
    if (is_ready) co_return;
    if (Clock::now() - told > 10s) {
      log::warning("waiting for etcd: a majority of the set's members must run");
      co_await keeper_.look();
      if (keeper_.is_removed()) co_return;
      told = Clock::now();
    }
    co_await sleep_for(kStep);
  }
}

/// As the primary it holds the leader's key and takes writes; as a standby it answers reads.
Async<bool> Replica::postgres_is_ready() {
  try {
    auto const state = co_await patroni_here_.get("/patroni", Clock::now() + kCall);
    if (text_of(find(&state, "state")) != "running") co_return false;
    is_primary_ = text_of(find(&state, "role")) == "master";
    // The holder of the leader's key is the primary, or about to be promoted.
    auto const leads = co_await patroni_here_.check("/leader", Clock::now() + kCall);
    auto const has_leader = !truth_of(find(&state, "cluster_unlocked"));
    co_return is_primary_ ? leads == 200 : has_leader&& leads != 200;
  } catch (Error const& error) {
    log::debug(error.message());
  }
  co_return false;
}

Async<void> Replica::wait_for_postgres() {
  for (;;) {
    auto const is_ready = co_await postgres_is_ready();
    if (is_ready) co_return;
    co_await sleep_for(kStep);
  }
}

void Replica::announce() {
  auto const& folder = prepared_.folder;
  fmt::print("{}\n", database_url(keeper_.members(), folder.client()));
  fmt::print("{} is {} of the set {}\n", address().name(),
             is_primary_ ? "the primary" : "a standby", settings_.set);
  fmt::print("join token for further members: {}\n", folder.join_token().string());
  std::fflush(stdout);
}

/// What a start that was killed left half done. A first member that never was of use begins anew;
/// data without pg_control is no database, but would keep Patroni from cloning one.
/// True when a set is to be made.
bool Replica::clear_remains(bool joins) {
  auto const& folder = prepared_.folder;
  auto const is_alone = prepared_.identity.members.size() < 2;
  auto const was_begun = is_alone && std::filesystem::exists(folder.bootstrap_sql());
  if (was_begun) std::filesystem::remove_all(folder.etcd_data());
  if (was_begun || !std::filesystem::exists(folder.postgres_data() / "global" / "pg_control")) {
    std::filesystem::remove_all(folder.postgres_data());
  }
  return !joins && !std::filesystem::exists(folder.etcd_data() / "member") &&
         !std::filesystem::exists(folder.postgres_data());
}

/// The first member: what its set begins with, at the first start.
Async<void> Replica::make_first(bool is_new) {
  auto const& folder = prepared_.folder;
  if (is_new && settings_.restore) {
    co_await restore_database(processes_, folder, settings_.programs, child_environment(folder),
                              *settings_.restore);
    write_private(folder.bootstrap_sql(), restored_sql(prepared_.identity));
  } else if (is_new) {
    write_private(folder.bootstrap_sql(), bootstrap_sql(prepared_.identity));
  }
  write_configuration(configuration());
}

std::optional<BackupSettings> Replica::offered_backups() const {
  auto const kept = BackupFolder(prepared_.folder).offered();
  if (std::filesystem::exists(kept)) return backup_settings_from(read_json(read_text(kept)));
  if (settings_.backup_repository.empty()) return std::nullopt;
  return BackupSettings{settings_.backup_repository, prepared_.identity.id,
                        settings_.backup_options};
}

Async<void> Replica::start() {
  auto const& folder = prepared_.folder;
  auto const joins = prepared_.member.joins.has_value();
  auto const is_new = clear_remains(joins);
  if (joins) {
    auto cluster =
        co_await join_etcd(client_, prepared_.identity, address(), *prepared_.member.joins);
    write_configuration(configuration(std::move(cluster)));
  } else {
    co_await make_first(is_new);
  }
  make_private_folder(folder.etcd_data());
  running_.spawn(etcd_.run());
  co_await wait_for_etcd();
  if (keeper_.is_removed()) co_return;
  co_await keeper_.enter();
  co_await backups_.begin(offered_backups());
  std::filesystem::remove(BackupFolder(folder).offered());
  configure_patroni();
  running_.spawn(patroni_.run());
  running_.spawn(leader_watch_.run());
  co_await wait_for_postgres();
  std::filesystem::remove(folder.bootstrap_sql());
  announce();
}

/// Before each start of Patroni, while none runs that would take back what is told to the next.
Async<void> Replica::prepare_patroni() {
  keeper_.await_patroni();
  is_to_choose_ = true;
  co_await choose_standbys_anew();
}

Async<void> Replica::choose_standbys_anew() {
  try {
    co_await have_standbys_chosen_anew(sync_key_, address().name(), Clock::now() + kBriefCall);
    is_to_choose_ = false;
  } catch (Error const& error) {
    log::debug(error.message());
  }
}

/// Patroni that does not answer for longer than the set waits for a primary is killed and started
/// anew: what it then finds decides whether its PostgreSQL may stay primary. Likewise where the
/// clock was set back.
Async<void> Replica::watch_patroni() {
  if (is_to_choose_) co_await choose_standbys_anew();
  if (auto const step = wall_clock_.set_back()) {
    // It would sleep until its next turn's time comes again, and its leader's key end meanwhile.
    log::warning(
        fmt::format("the clock was set back by {} ms; starting patroni anew, which plans "
                    "by it, with the other members' etcd",
                    step->count()));
    clock_is_behind_ = true;
    configure_patroni();
  } else if (keeper_.patroni_is_silent()) {
    log::error("patroni does not answer; killing it");
  } else {
    co_return;
  }
  start_patroni_anew();
}

void Replica::configure_patroni() {
  configured_ = keeper_.members();
  write_patroni_configuration(configuration());
}

/// PostgreSQL goes on meanwhile, and the leader's key outlives it.
void Replica::start_patroni_anew() {
  patroni_.kill();
  keeper_.await_patroni();
}

/// Patroni reads whose etcd there are when it starts. It goes on with those that it knows, unless
/// that is its own alone.
Async<void> Replica::watch_members() {
  if (keeper_.members() == configured_) co_return;
  auto const was_alone = configured_.size() < 2;
  configure_patroni();
  if (!was_alone) co_return;
  log::info("starting patroni anew, which then knows the other members' etcd");
  start_patroni_anew();
}

Async<void> Replica::keep() {
  for (;;) {
    co_await sleep_for(1s);
    co_await keeper_.look();
    co_await backups_.look(keeper_.is_primary());
    co_await watch_patroni();
    co_await watch_members();
    if (!keeper_.is_removed()) continue;
    log::info(fmt::format("{} was removed from the set; ending", address().name()));
    write_private(prepared_.folder.removed(), "");
    co_return;
  }
}

Async<void> Replica::live() {
  try {
    co_await start();
    co_await keep();
  } catch (boost::system::system_error const& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;
    failure_ = std::current_exception();
  } catch (std::exception const&) {
    failure_ = std::current_exception();
  }
  ::kill(::getpid(), SIGTERM);
}

/// Patroni first, which stops PostgreSQL and hands the primary's role over while etcd still runs.
Async<void> Replica::stop() {
  co_await backups_.stop();
  co_await patroni_.stop(kPatroniPatience);
  if (keeper_.is_removed()) {
    auto const until = Clock::now() + kLeavePatience;
    co_await attempt("the member is still in etcd", keeper_.leave_etcd(until));
  }
  co_await etcd_.stop(kEtcdPatience);
  running_.cancel();
  co_await running_.join();
  reaping_.cancel();
  co_await reaping_.join();
  co_await processes_.drain(SIGQUIT);
}

Async<int> Replica::run() {
  boost::asio::signal_set signals(context_, SIGTERM, SIGINT);
  reaping_.spawn(processes_.run());
  TaskGroup living(context_.get_executor(), "member");
  living.spawn(live());
  auto const signal = co_await signals.async_wait(boost::asio::use_awaitable);
  if (!failure_) {
    log::info(fmt::format("{}: stopping PostgreSQL, then etcd",
                          signal == SIGTERM ? "SIGTERM" : "SIGINT"));
  }
  signals.clear();  // a second signal ends this process, and with it, by the kernel, the others
  living.cancel();
  co_await living.join();
  co_await stop();
  if (failure_) std::rethrow_exception(failure_);
  co_return 0;
}

}  // namespace

int run_replica(ReplicaSettings settings) {
  auto prepared = prepare(settings);
  auto const& folder = prepared.folder;
  if (!std::filesystem::exists(folder.member())) {
    write_private(folder.join_token(), to_text(prepared.identity));
    write_member(folder, prepared.member);
  }
  write_certificates(folder, prepared.identity, prepared.member.address);
  write_client_files(folder, prepared.identity);

  boost::asio::io_context context(1);
  Replica replica(context, settings, std::move(prepared));
  auto outcome = boost::asio::co_spawn(context, replica.run(), boost::asio::use_future);
  context.run();
  return outcome.get();
}

}  // namespace minga::cluster
