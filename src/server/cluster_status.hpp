#pragma once

#include <minga/json.hpp>

#include "async/io_threads.hpp"
#include "base/time_text.hpp"
#include "cluster/access.hpp"
#include "cluster/nodes.hpp"
#include "cluster/status.hpp"
#include "sql/database.hpp"

#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace minga::server {

/// What GET /api/cluster/status answers: the servers, as the database's engine knows them or, where
/// there is access to the replica set and it answers in time, as the set itself does; and the
/// nodes.
class ClusterStatus {
 public:
  ClusterStatus(IoThreads& threads, sql::Database& database, cluster::Heartbeats& heartbeats,
                std::unique_ptr<cluster::SetAccess> set);

  /// From any I/O thread. Who asks within half a second gets the same answer: the servers are asked
  /// once, however many want to know.
  Async<JsonObject> ask(Deadline deadline);

 private:
  Async<JsonObject> ask_here(Deadline deadline);
  Async<JsonObject> gather(Deadline deadline);
  Async<void> look_at_set(std::optional<cluster::SetStatus>* seen, Deadline deadline);
  Async<void> look_at_copies(sql::Copies* seen, Deadline deadline);
  Async<void> look_at_nodes(Deadline deadline);

  IoThreads& threads_;
  sql::Database& database_;
  cluster::Heartbeats& heartbeats_;
  std::unique_ptr<cluster::SetAccess> set_;
  // All of the rest on the first I/O thread.
  JsonObject answer_;
  Clock::time_point answered_at_{};
  bool is_asking_ = false;
  boost::asio::steady_timer asked_;                // cancelled when is_asking_ ends
  std::map<std::string, SystemTime> last_seen_{};  // of the servers
  std::vector<cluster::Node> nodes_{};             // as they were listed last
};

}  // namespace minga::server
