#pragma once

#include <minga/request.hpp>
#include <minga/response.hpp>

#include "async/io_threads.hpp"
#include "async/service.hpp"
#include "base/metrics.hpp"
#include "records/store.hpp"

#include <memory>
#include <string>
#include <vector>

namespace minga::live {

struct Settings {
  std::chrono::seconds keep{3'600};    // changes older than that are pruned
  std::int64_t replay_bound = 10'000;  // further behind: resync
  std::size_t buffer_events =
      1'000;  // a subscriber with more waiting is disconnected with its position
  std::size_t max_topics = 1'000;        // per client
  std::size_t max_subscribers = 10'000;  // per node
  std::chrono::seconds heartbeat{25};
  std::chrono::milliseconds poll{1'000};  // how often the log is looked at where no bell rings
};

/// Tails the change log from its own position (the change log's bells, a poll behind them) and fans
/// out to subscribers of this node.
class Hub : public Service {
 public:
  Hub(IoThreads& threads, records::Store& store, Settings settings, Metrics& metrics);
  ~Hub() override;
  std::string_view name() const override { return "live"; }
  Async<void> start() override;
  Async<void> stop(Deadline deadline) override;

  /// `GET /api/events?topic=posts/*&topic=...` (API.md section 6): the answer is the event stream.
  Async<Response> events(Request& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minga::live
