#include "server/engine.hpp"

#include "records/change_log.hpp"
#include "records/filter/functions.hpp"
#include "sql/postgres/postgres.hpp"
#include "sql/sqlite/sqlite.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <functional>
#include <stdexcept>

namespace minga::server {
namespace {

void make_folder(std::filesystem::path const& file) {
  if (!file.has_parent_path() || std::filesystem::exists(file.parent_path())) return;
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (!error)
    std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, error);
  if (!error) return;
  throw std::runtime_error(
      fmt::format("The data folder {} cannot be made: {}. Choose another with --data.",
                  file.parent_path().string(), error.message()));
}

sql::postgres::Options postgres_options(Settings const& settings) {
  sql::postgres::Options options;
  options.url = settings.database;
  options.queue = settings.write_queue;
  options.replica_lag = settings.replica_lag;
  options.replica_wait = settings.replica_wait;
  return options;
}

sql::sqlite::Options embedded_options(Settings const& settings) {
  sql::sqlite::Options options;
  options.file = settings.sqlite_file();
  options.write_queue = settings.write_queue;
  for (auto const& function : records::filter::sql_functions()) {
    options.functions.push_back({function.name, function.arity, function.call});
  }
  return options;
}

std::unique_ptr<sql::Database> open_embedded(Settings const& settings, IoThreads& threads,
                                             Metrics& metrics) {
  auto options = embedded_options(settings);
  make_folder(options.file);
  return sql::sqlite::open(threads, std::move(options), metrics);
}

using Work = std::function<Async<void>(sql::Database&)>;

Async<void> work_and_close(sql::Database& database, Work const& work) {
  std::exception_ptr failure;
  try {
    co_await work(database);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await database.close();
  if (failure) std::rethrow_exception(failure);
}

/// Opens the database for one piece of work.
void with_database(Settings const& settings, Work const& work) {
  Metrics metrics;
  IoThreads threads(1);
  threads.start();
  auto const database = open_database(settings, threads, metrics);
  boost::asio::co_spawn(threads.context(0), work_and_close(*database, work),
                        boost::asio::use_future)
      .get();
}

Async<void> begin_epoch(sql::Database& database) {
  co_await database.write_all(records::new_epoch());
}

}  // namespace

std::unique_ptr<sql::Database> open_database(Settings const& settings, IoThreads& threads,
                                             Metrics& metrics) {
  if (settings.uses_postgres())
    return sql::postgres::open(threads, postgres_options(settings), metrics);
  return open_embedded(settings, threads, metrics);
}

std::unique_ptr<sql::Database> open_beside(Settings const& settings, IoThreads& threads) {
  return sql::sqlite::open_beside(threads, embedded_options(settings));
}

std::string back_up(Settings const& settings, std::filesystem::path const& file) {
  if (settings.uses_postgres()) {
    Work const work = [&file](sql::Database& database) {
      return database.backup(file);
    };
    with_database(settings, work);
    return fmt::format("{} is a complete copy of the database.", file.string());
  }
  sql::sqlite::copy(settings.sqlite_file(), file);
  return fmt::format("{} is a complete copy of {}.", file.string(),
                     settings.sqlite_file().string());
}

std::string restore_backup(Settings const& settings, std::filesystem::path const& file) {
  std::string done;
  if (settings.uses_postgres()) {
    sql::postgres::restore(postgres_options(settings), file);
    done = fmt::format("{} is in place.", file.string());
  } else {
    make_folder(settings.sqlite_file());
    sql::sqlite::restore(file, settings.sqlite_file());
    done = fmt::format("{} is in place as {}.", file.string(), settings.sqlite_file().string());
  }
  with_database(settings, begin_epoch);
  return done;
}

}  // namespace minga::server
