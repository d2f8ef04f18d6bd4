#pragma once

#include "async/io_threads.hpp"
#include "async/task_group.hpp"
#include "base/metrics.hpp"
#include "sql/postgres/errors.hpp"
#include "sql/postgres/session.hpp"
#include "sql/postgres/settings.hpp"
#include "sql/postgres/trail.hpp"
#include "sql/postgres/whereabouts.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace minga::sql::postgres {

/// Which of the URL's hosts are standbys that are fresh enough to be read from. Once somebody wants
/// to know, each host is asked several times a second, over a connection of its own: the only one
/// that tells a standby that is paused or cut off from one that is at a long statement. It tells a
/// primary that was replaced, too.
class Standbys : public std::enable_shared_from_this<Standbys> {
 public:
  /// Told, on the first I/O thread, when a host that was good is gone, or is no standby any more.
  using OnGone = std::function<void(std::size_t host, Error const& why)>;

  Standbys(IoThreads& threads, Settings const& settings, Options const& options, Metrics& metrics,
           Whereabouts& whereabouts, OnGone on_gone);

  /// Begins to look, at the first call. From any I/O thread.
  void start();
  /// It has all that was committed `replica_lag` ago. From any thread.
  bool is_good(std::size_t host) const {
    return Clock::now().time_since_epoch().count() < hosts_[host].good_until.load();
  }
  /// On the first I/O thread. Nobody is told anything after it.
  Async<void> close();

 private:
  struct State {
    std::atomic<Clock::rep> good_until = 0;
    bool was_standby = false;  // when it was asked last
  };

  Async<void> watch(std::size_t host);
  Async<std::string> look(std::size_t host);
  void note(std::size_t host, Session::Row const& row, Clock::time_point asked_at);
  void note_primary(std::size_t host, std::int64_t timeline, std::int64_t location,
                    Clock::time_point asked_at);
  void note_standby(std::size_t host, std::int64_t replayed);
  void note_gone(std::size_t host, std::string const& why);
  void count();

  IoThreads& threads_;
  Settings const& settings_;
  std::chrono::milliseconds lag_;
  prometheus::Gauge& good_;
  Whereabouts& whereabouts_;
  OnGone on_gone_;
  std::vector<State> hosts_;
  Trail trail_;
  std::atomic<bool> is_started_ = false;
  bool is_closed_ = false;
  TaskGroup tasks_;
};

}  // namespace minga::sql::postgres
