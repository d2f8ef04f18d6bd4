#include "server/move_command.hpp"

#include "move/door.hpp"
#include "move/fence.hpp"
#include "move/mover.hpp"
#include "server/command_options.hpp"
#include "server/engine.hpp"
#include "server/progress.hpp"
#include "server/settings.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <memory>
#include <stdexcept>

namespace minga::server {
namespace {

/// Longer than the patience of most who wait.
constexpr int kMostPause = 60;

struct MoveOptions {
  std::string from, to, reopen;
  int pause = 10;  // seconds
};

Settings settings_of(std::string const& url) {
  Settings settings;
  settings.database = url;
  // Throws where it is no URL of a database.
  if (!settings.uses_postgres()) settings.database = "sqlite:" + settings.sqlite_file().string();
  return settings;
}

void require_file(Settings const& settings) {
  if (settings.uses_postgres() || std::filesystem::exists(settings.sqlite_file())) return;
  throw std::invalid_argument(
      fmt::format("There is no file {} to move from.", settings.sqlite_file().string()));
}

/// The URL without user, password and parameters.
std::string place_of(Settings const& settings) {
  if (!settings.uses_postgres()) return settings.database;
  auto const begin = settings.database.find("://") + 3;
  auto rest = settings.database.substr(begin, settings.database.find('?') - begin);
  auto const at = rest.rfind('@');
  return "postgresql://" + (at == std::string::npos ? rest : rest.substr(at + 1));
}

/// Databases for one command, on one I/O thread; closed when it goes.
class Databases {
 public:
  Databases() : threads_(1) { threads_.start(); }
  ~Databases() {
    for (auto& database : open_) wait(database->close());
  }
  Databases(Databases const&) = delete;
  Databases& operator=(Databases const&) = delete;

  sql::Database& open(Settings const& settings) {
    open_.push_back(open_database(settings, threads_, *metrics_.emplace_back(new Metrics)));
    return *open_.back();
  }
  /// To read and to pause, whoever else may be using it.
  move::Source open_source(Settings const& settings) {
    try {
      auto& database = open(settings);
      return database.is_exclusive() ? move::own_source(database) : move::shared_source(database);
    } catch (sql::Error const& error) {
      if (error.code() != sql::ErrorCode::busy) throw;
    }
    wait(move::require_door(settings.sqlite_file()));
    open_.push_back(open_beside(settings, threads_));
    return move::served_source(*open_.back(), settings.sqlite_file());
  }
  template <class T>
  T wait(Async<T> task) {
    return boost::asio::co_spawn(threads_.context(0), std::move(task), boost::asio::use_future)
        .get();
  }

 private:
  IoThreads threads_;
  std::vector<std::unique_ptr<Metrics>> metrics_;
  std::vector<std::unique_ptr<sql::Database>> open_;
};

Async<move::Report> run_move(move::Source source, sql::Database& target, move::Settings settings) {
  move::Mover mover(std::move(source), target, std::move(settings));
  co_return co_await mover.run();
}

void print_report(move::Report const& report, std::string const& to) {
  for (auto const& table : report.tables) {
    if (table.name == move::counters().name) {
      fmt::print("{} counters\n", table.rows);
    } else if (table.checksum.empty()) {
      fmt::print("{}: {} records; those that changed meanwhile were compared in the pause\n",
                 table.name, table.rows);
    } else {
      fmt::print("{}: {} records, checksum {}\n", table.name, table.rows, table.checksum);
    }
  }
  fmt::print("The site is in {} and the same there. Writes were paused for {:.2f} s.\n", to,
             static_cast<double>(report.pause.count()) / 1'000);
}

int run(MoveOptions const& options) {
  auto const from = settings_of(options.from);
  auto const to = settings_of(options.to);
  require_file(from);
  if (from.database == to.database)
    throw std::invalid_argument("Both URLs are the same: a site moves into another database.");
  ProgressLine line;
  move::Settings settings;
  settings.to = place_of(to);
  settings.longest_pause = std::chrono::seconds(options.pause);
  settings.progress = [&line](move::Progress const& progress) {
    line.show(fmt::format("{} {}: {} of {}", progress.doing, progress.table, progress.done,
                          progress.total));
  };
  Databases databases;
  auto source = databases.open_source(from);
  auto& target = databases.open(to);
  auto const report = databases.wait(run_move(std::move(source), target, settings));
  line.end();
  print_report(report, settings.to);
  return 0;
}

Async<void> reopen_database(sql::Database& database) {
  auto const to = co_await move::moved_to(database);
  if (!to) throw std::runtime_error("The site of this database has not moved away.");
  co_await database.write_all(move::unfence(database.dialect()));
}

int reopen(std::string const& url) {
  auto const settings = settings_of(url);
  require_file(settings);
  Databases databases;
  databases.wait(reopen_database(databases.open(settings)));
  fmt::print("{} can be served again.\n", place_of(settings));
  return 0;
}

}  // namespace

void add_move_command(CLI::App& cli, Actions& actions) {
  auto* command = cli.add_subcommand(
      "move",
      "Carries a site from one database into another, empty one: everything, checked row by row. "
      "It may be served meanwhile. Stopped, it goes on where it was.");
  auto options = std::make_shared<MoveOptions>();
  command
      ->add_option("FROM_URL", options->from,
                   "The database to move: sqlite:FILE or postgresql://USER@HOST/NAME.")
      ->type_name("");
  command->add_option("TO_URL", options->to, "The empty database to move into.")->type_name("");
  command
      ->add_option("--pause", options->pause,
                   fmt::format("The longest that writes may be paused at the end, in seconds, 1 to "
                               "{} (10).",
                               kMostPause))
      ->type_name("SECONDS")
      ->envname("MINGA_PAUSE")
      ->check(CLI::Range(1, kMostPause));
  command
      ->add_option("--reopen", options->reopen,
                   "Instead of moving: lets the database that a site has moved away from be served "
                   "again.")
      ->type_name("URL");
  actions[command] = [options] {
    log::start(log::Format::text, log::Level::warning);
    if (!options->reopen.empty()) return reopen(options->reopen);
    if (options->from.empty() || options->to.empty()) {
      throw std::invalid_argument(
          "minga move needs FROM_URL and TO_URL, such as: minga move "
          "sqlite:minga-data/minga.db postgresql://minga@localhost/minga.");
    }
    return run(*options);
  };
}

}  // namespace minga::server
