#include "server/instance.hpp"

#include "api/cluster_api.hpp"
#include "api/platform.hpp"
#include "base/ids.hpp"
#include "base/logging.hpp"
#include "cluster/folder.hpp"
#include "move/fence.hpp"
#include "server/engine.hpp"
#include "server/front.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#ifndef MINGA_VERSION
#define MINGA_VERSION "unknown"
#endif

namespace minga::server {
namespace {

/// For the database to answer when the program starts.
constexpr std::chrono::seconds kStart{30};

std::string known_names(std::vector<Application> const& applications) {
  std::string names;
  for (auto const& application : applications)
    names += (names.empty() ? "" : ", ") + application.name;
  return names;
}

/// What --app chose, in the order of the program's list; all without it.
std::vector<Application> chosen(Settings const& settings,
                                std::vector<Application> const& applications) {
  for (auto const& name : settings.apps) {
    auto const same = [&](Application const& application) {
      return application.name == name;
    };
    if (std::none_of(applications.begin(), applications.end(), same)) {
      throw std::invalid_argument(fmt::format("There is no application '{}'; this program has: {}.",
                                              name, known_names(applications)));
    }
  }
  if (settings.apps.empty()) return applications;
  std::vector<Application> picked;
  for (auto const& application : applications) {
    if (std::find(settings.apps.begin(), settings.apps.end(), application.name) !=
        settings.apps.end()) {
      picked.push_back(application);
    }
  }
  return picked;
}

Async<std::string> signing_secret(records::Store& store) {
  auto make = [] {
    return random_text(50);
  };
  co_return co_await store.setting("signing_secret", make);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0)
    throw std::system_error(errno, std::generic_category(), "asking for the machine's name");
  return name.data();
}

Async<void> start_service(Service* service) {
  co_await service->start();
}

Async<void> stop_service(Service* service, Deadline deadline) {
  co_await service->stop(deadline);
}

Async<void> ask_durability(sql::Database* database) {
  co_await database->check_writable(Clock::now() + kStart);
}

Async<void> close_database(sql::Database* database) {
  co_await database->close();
}

}  // namespace

Core::Core(Settings settings, std::vector<Application> const& applications)
    : settings_(std::move(settings)), threads_(settings_.io_threads) {
  auto const picked = chosen(settings_, applications);  // a wrong name makes no database
  threads_.start();
  database_ = open_database(settings_, threads_, metrics_);
  try {
    // Asked once, a server of its own says how durable it is.
    if (!database_->is_exclusive()) wait(ask_durability(database_.get()));
    log::info(fmt::format("database: {}", database_->durability()));
    store_ = std::make_unique<records::Store>(*database_, metrics_);
    counters_ = std::make_unique<records::Counters>(*database_);
    binding_->store = store_.get();
    binding_->counters = counters_.get();
    declare(picked);
    serves_one_ = picked.size() == 1 && (applications.size() == 1 || !settings_.apps.empty());
  } catch (...) {
    close();
    throw;
  }
}

Core::~Core() {
  close();
}

void Core::close() noexcept {
  try {
    wait(close_database(database_.get()));
  } catch (std::exception const& error) {
    log::error(fmt::format("The database was not closed cleanly: {}", error.what()));
  }
}

void Core::declare(std::vector<Application> const& applications) {
  wait(move::refuse_unfinished(*database_));
  wait(store_->open());
  for (auto const& application : applications) {
    auto app = std::make_unique<App::Impl>(application.name, binding_);
    App handle(*app);
    application.declare(handle);
    for (auto const& definition : app->collections) wait(store_->declare(definition));
    apps_.push_back(std::move(app));
  }
}

Instance::Instance(Settings settings, std::vector<Application> const& applications)
    : core_(std::move(settings), applications) {
  core_.wait(move::refuse_moved(core_.database()));
  auto const poll = core_.settings().poll;
  doorbell_ = std::make_unique<records::Doorbell>(core_.threads(), core_.store());
  catalog_watch_ = std::make_unique<records::CatalogWatch>(core_.threads(), core_.store(), poll);
  live::Settings live;
  live.poll = poll;
  hub_ = std::make_unique<live::Hub>(core_.threads(), core_.store(), live, core_.metrics());
  make_heartbeats();
  if (core_.database().is_exclusive()) {
    door_ = std::make_unique<move::Door>(core_.threads(), core_.database(),
                                         core_.settings().sqlite_file());
  }
  make_dispatcher();
  Handler handler = [dispatcher = dispatcher_.get()](Request& request) {
    return (*dispatcher)(request);
  };
  http_ = std::make_unique<http::Server>(core_.threads(), core_.settings().http, std::move(handler),
                                         core_.metrics());
  try {
    for (auto* service :
         std::initializer_list<Service*>{doorbell_.get(), catalog_watch_.get(), hub_.get(),
                                         http_.get(), heartbeats_.get(), door_.get()}) {
      if (service == nullptr) continue;
      core_.wait(start_service(service));
      started_.push_back(service);
    }
  } catch (...) {
    stop();
    throw;
  }
}

Instance::~Instance() {
  stop();
}

void Instance::stop() {
  auto const deadline = Clock::now() + core_.settings().http.drain_timeout;
  while (!started_.empty()) {
    core_.wait(stop_service(started_.back(), deadline));
    started_.pop_back();
  }
}

void Instance::make_heartbeats() {
  auto describe = [this] {
    auto const& settings = core_.settings();
    cluster::Node node;
    node.host = host_name();
    node.pid = getpid();
    node.version = MINGA_VERSION;
    node.url = settings.public_url.empty() ? http_->url() : settings.public_url;
    node.name = settings.node_name.empty() ? fmt::format("{}:{}", node.host, http_->port())
                                           : settings.node_name;
    return node;
  };
  auto traffic = [this] {
    return cluster::Traffic{http_->answered(), http_->running()};
  };
  heartbeats_ =
      std::make_unique<cluster::Heartbeats>(core_.threads(), core_.database(), describe, traffic);
  std::unique_ptr<cluster::SetAccess> set;
  if (auto const& token = core_.settings().replica_set; !token.empty())
    set = std::make_unique<cluster::SetAccess>(cluster::read_join_token(token));
  cluster_status_ = std::make_unique<ClusterStatus>(core_.threads(), core_.database(), *heartbeats_,
                                                    std::move(set));
}

void Instance::make_dispatcher() {
  auto const secret = core_.wait(signing_secret(core_.store()));
  auto const alone = core_.serves_one();
  std::vector<std::unique_ptr<Mount>> mounts;
  for (auto const& app : core_.apps()) {
    web::SiteSettings site{
        app->name, alone ? "" : "/" + app->name, core_.settings().http.language, secret, "",
        !alone};
    mounts.push_back(std::make_unique<Mount>(*app, std::move(site)));
  }
  std::unique_ptr<Mount> front;
  if (!alone) {
    front_app_ = make_front(mounts);
    web::SiteSettings site{front_app_->name, "", core_.settings().http.language, secret, "", false};
    front = std::make_unique<Mount>(*front_app_, std::move(site));
  }
  dispatcher_ = std::make_unique<Dispatcher>(std::move(mounts), std::move(front));
  auto draining = [this] {
    return http_ && http_->draining();
  };
  auto app_routes = [dispatcher = dispatcher_.get()] {
    return dispatcher->app_routes();
  };
  auto ask_status = [status = cluster_status_.get()](Deadline deadline) {
    return status->ask(deadline);
  };
  api::mount_cluster(dispatcher_->platform(), ask_status);
  api::mount_platform(dispatcher_->platform(), core_.store(), *hub_, core_.metrics(), draining,
                      app_routes);
}

}  // namespace minga::server
