#pragma once

#include "support/postgres_server.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <string>

namespace minga::testing_support {

/// A primary whose commits wait for its one standby. Nothing but the test decides who leads.
class ReplicaPair {
 public:
  /// Run on the primary before it has its standby.
  explicit ReplicaPair(std::string const& first = "")
      : primary({"fsync = on", "synchronous_standby_names = '*'", "synchronous_commit = local"}),
        standby(PostgresServer::StandbyOf{primary}) {
    primary.sql(first);
    primary.sql("ALTER SYSTEM SET synchronous_commit = on");
    primary.reload();
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (primary.sql("SELECT sync_state FROM pg_stat_replication") != "sync" ||
           primary.sql("SHOW synchronous_commit") != "on") {
      if (std::chrono::steady_clock::now() > end)
        throw std::runtime_error("the standby does not follow");
    }
  }
  std::string url() const {
    return fmt::format("postgresql://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?connect_timeout=2",
                       primary.port(), standby.port());
  }
  void promote() {
    standby.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    standby.promote();
  }

  PostgresServer primary;
  PostgresServer standby;
};

}  // namespace minga::testing_support
