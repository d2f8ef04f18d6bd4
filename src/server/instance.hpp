#pragma once

#include <minga/app.hpp>

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "cluster/nodes.hpp"
#include "http/server.hpp"
#include "live/hub.hpp"
#include "move/door.hpp"
#include "records/catalog_watch.hpp"
#include "records/counters.hpp"
#include "records/doorbell.hpp"
#include "records/store.hpp"
#include "server/application.hpp"
#include "server/cluster_status.hpp"
#include "server/dispatch.hpp"
#include "server/settings.hpp"
#include "sql/database.hpp"

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace minga::server {

/// The database with its collections, without a listener: what the commands work on, and what an
/// Instance serves.
class Core {
 public:
  /// Opens (or creates) the database, migrates it and declares the applications' collections.
  /// Blocks the calling thread, which is no I/O thread. Throws std::exception with a sentence for
  /// the user.
  Core(Settings settings, std::vector<Application> const& applications);
  /// Closes the database: what was accepted is finished.
  ~Core();
  Core(Core const&) = delete;
  Core& operator=(Core const&) = delete;

  Settings const& settings() const { return settings_; }
  IoThreads& threads() { return threads_; }
  Metrics& metrics() { return metrics_; }
  sql::Database& database() { return *database_; }
  records::Store& store() { return *store_; }
  std::vector<std::unique_ptr<App::Impl>> const& apps() const { return apps_; }
  /// Whether one application, the program's only one or the one that --app chose, has the root to
  /// itself.
  bool serves_one() const { return serves_one_; }

  /// Runs a coroutine on the first I/O thread and blocks until it has ended.
  template <class T>
  T wait(Async<T> task);

 private:
  void declare(std::vector<Application> const& applications);
  void close() noexcept;

  Settings settings_;
  bool serves_one_ = false;
  Metrics metrics_;
  IoThreads threads_;
  std::shared_ptr<Binding> binding_ = std::make_shared<Binding>();
  std::vector<std::unique_ptr<App::Impl>> apps_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<records::Store> store_;
  std::unique_ptr<records::Counters> counters_;
};

/// A running server: a Core behind HTTP.
class Instance {
 public:
  /// Returns when requests are answered. Throws std::exception with a sentence for the user.
  Instance(Settings settings, std::vector<Application> const& applications);
  /// Stops accepting, finishes what runs within the drain timeout, closes the database. From no I/O
  /// thread.
  ~Instance();
  Instance(Instance const&) = delete;
  Instance& operator=(Instance const&) = delete;

  std::string url() const { return http_->url(); }
  std::uint16_t port() const { return http_->port(); }

 private:
  void stop();
  void make_dispatcher();
  void make_heartbeats();

  Core core_;
  std::unique_ptr<App::Impl> front_app_;
  std::unique_ptr<records::Doorbell> doorbell_;
  std::unique_ptr<records::CatalogWatch> catalog_watch_;
  std::unique_ptr<live::Hub> hub_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<cluster::Heartbeats> heartbeats_;
  std::unique_ptr<ClusterStatus> cluster_status_;
  std::unique_ptr<move::Door> door_;  // null where the database is not this process's alone
  std::vector<Service*> started_;
};

}  // namespace minga::server

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

namespace minga::server {

template <class T>
T Core::wait(Async<T> task) {
  return boost::asio::co_spawn(threads_.context(0), std::move(task), boost::asio::use_future).get();
}

}  // namespace minga::server
