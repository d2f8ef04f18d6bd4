#pragma once

#include <minga/json.hpp>

#include "async/io_threads.hpp"
#include "async/service.hpp"
#include "async/task_group.hpp"
#include "base/time_text.hpp"
#include "sql/database.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace minga::cluster {

/// How busy a node is.
struct Load {
  double requests_per_second = 0;  // answered, over the last seconds
  std::int64_t running = 0;        // requests that wait for their answer right now
};

/// A process that serves the applications of a database.
struct Node {
  std::string name;
  std::string url;  // where the others and the gateway reach it
  std::string version;
  std::string host;  // the machine's name
  std::int64_t pid = 0;
  SystemTime started{};
  SystemTime last_seen{};  // by the database's clock
  Load load;
  bool is_up = true;  // it was seen within kNodeDown
};

/// Nothing was heard of a node for that long: it is down.
inline constexpr std::chrono::seconds kNodeDown{10};
/// ... and for that long: it is forgotten.
inline constexpr std::chrono::hours kNodeForgotten{1};

/// What a node has answered since its start, and answers right now.
struct Traffic {
  std::uint64_t answered = 0;
  std::int64_t running = 0;
};

/// Keeps this node's row among those of its database: written every 3 s, removed when it stops. A
/// node that is started anew under its name takes its row over. Where no other process can write
/// there are no rows: this node is the only one.
class Heartbeats : public Service {
 public:
  /// `describe` says who this node is, once it starts; `traffic` is asked from then on. Both are
  /// called on the first I/O thread.
  Heartbeats(IoThreads& threads, sql::Database& database, std::function<Node()> describe,
             std::function<Traffic()> traffic);
  std::string_view name() const override { return "heartbeats"; }
  /// Throws where the row cannot be written.
  Async<void> start() override;
  Async<void> stop(Deadline deadline) override;

  /// All nodes by their names, those that are down too. On the first I/O thread.
  Async<std::vector<Node>> nodes(Deadline deadline);

 private:
  Async<void> beat_on();
  Async<bool> beat(bool takes_over, Deadline deadline);
  Async<std::string> attempt(bool looks_for_old);
  Async<void> forget_old(Deadline deadline);
  void measure();

  sql::Database& database_;
  std::string const id_;  // this process's, whatever its name
  std::function<Node()> describe_;
  std::function<Traffic()> traffic_;
  Node self_;
  Traffic last_;
  Clock::time_point measured_{};
  TaskGroup tasks_;
};

JsonObject to_json(Node const& node);

}  // namespace minga::cluster
