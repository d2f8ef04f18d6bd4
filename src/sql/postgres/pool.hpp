#pragma once

#include "async/blocking_pool.hpp"
#include "async/task_group.hpp"
#include "base/metrics.hpp"
#include "sql/postgres/connecting.hpp"
#include "sql/postgres/connection.hpp"
#include "sql/postgres/operation.hpp"
#include "sql/postgres/settings.hpp"
#include "sql/postgres/whereabouts.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace minga::sql::postgres {

enum class Verdict : int;

struct Counts {
  explicit Counts(Metrics& metrics);
  prometheus::Gauge& connections;
  prometheus::Gauge& waiting;
  prometheus::Counter& operations;
  prometheus::Counter& groups;
  prometheus::Counter& repeated;
  prometheus::Counter& lost;
  prometheus::Counter& cancels;
  prometheus::Counter& late_commits;
  prometheus::Counter& doubts;
  prometheus::Counter& barriers;
  prometheus::Counter& primary_reads;
  prometheus::Counter& replica_reads;
  // Reads for which no standby was good enough.
  prometheus::Counter& no_replica;
  prometheus::Counter& behind;
};

class Pool;

/// Keeps the pool from closing.
class Entered {
 public:
  explicit Entered(Pool& pool);
  ~Entered();
  Entered(Entered const&) = delete;
  Entered& operator=(Entered const&) = delete;

 private:
  Pool& pool_;
};

/// The connections of one I/O thread for one kind of access, and what waits for them. All calls on
/// that thread. Statements of many callers go out together, as one transaction (a batch of up to
/// kGroup); transactions borrow a connection. When the server is gone, what was not begun waits for
/// the next primary, found by one probe at a time.
class Pool {
 public:
  Pool(boost::asio::io_context& context, Settings const& settings, Options const& options,
       Access access, std::vector<std::size_t> hosts, BlockingPool& cancels,
       Whereabouts& whereabouts, Counts& counts);
  ~Pool();
  Pool(Pool const&) = delete;
  Pool& operator=(Pool const&) = delete;

  /// Runs the operation's statement; or lends a connection, to be given back. Throws sql::Error;
  /// operation_aborted where the caller is cancelled while it waits: nothing is done then. What was
  /// sent is not interrupted by cancellation.
  Async<void> run(Operation& operation);
  void give_back(std::shared_ptr<Connection> const& connection);

  /// A transaction is begun or ended: close() waits for it.
  void enter() { ++entered_; }
  void leave();
  bool is_closing() const { return is_closing_; }
  /// The statements of a transaction count: their deadlines are looked after.
  void watch();
  /// Something may have become possible: what waits is looked at on the next turn of the loop.
  void wake();

  /// The servers are not to be used any more, for now: what waits and what is under way is lost.
  void abandon(Error const& why);
  /// Finishes what was accepted, then closes the connections.
  Async<void> close();

  /// A commit was not confirmed by its deadline.
  void count_late_commit();
  void count_doubt() { counts_.doubts.Increment(); }
  /// How long what has that deadline waits for a server that can do it.
  Deadline patience_until(Deadline deadline) const;
  /// Before another try of what failed in passing: a random time that grows with the attempts.
  Clock::duration backoff(int attempts);

 private:
  class Group;
  struct Doubt;

  bool reads() const { return access_ != Access::write; }
  void expire_reads(Connection& connection, Clock::time_point now);
  void leave_late(Group& group, Clock::time_point now);
  void pump();
  void send_statements();
  void send_slow_statements();
  std::unique_ptr<Group> next_group();
  std::size_t group_bound() const;
  void lend();
  std::shared_ptr<Connection> for_statements() const;
  std::shared_ptr<Connection> idle_one() const;
  void learn_pace(Group const& group);
  void clear_slow(std::string const& text);
  std::deque<Operation*>& queue_of(Operation const& operation);
  void cancel_waiting(Operation& operation);
  void open_more();
  Async<Attempt> try_hosts(std::vector<std::size_t>& hosts);
  Async<Attempt> try_newest(std::vector<std::size_t>& hosts);
  Async<void> open_one();
  void adopt(Handle handle);
  void introduce_all();
  Async<void> introduce(std::shared_ptr<Connection> connection);
  void heed_whereabouts();
  void leave_replaced(Clock::time_point now);
  void probe_if_silent(Clock::time_point now);
  Async<void> probe();
  void refuse_all(Error const& error);
  void on_lost(Connection& connection, Error const& why);

  void finish(Group& group);
  void settle(Operation& operation, Group& group, std::span<Batch::Item> items);
  void settle_failure(Operation& operation, Failure const& failure);
  void doubt(Operation& operation, Group& group, std::span<Batch::Item> items, Error const& why);
  Async<void> resolve_doubt(std::shared_ptr<Doubt> doubt);
  void settle_doubt(Operation& operation, std::vector<Rows>& rows, Verdict verdict,
                    Error const& why);
  void take_up_repeated();
  void repeat(Operation& operation, Error const& why, bool alone);
  void drop_read_only();

  void tick();
  void expire_waiting(Clock::time_point now);
  void expire_doubts(Clock::time_point now);
  void expire_running(Clock::time_point now);
  void cancel(std::shared_ptr<Connection> const& connection);
  Async<void> send_cancel(std::shared_ptr<Connection> connection);
  bool is_idle() const;
  void check_idle();

  boost::asio::io_context& context_;
  Settings const& settings_;
  Options const& options_;
  Access access_;
  BlockingPool& cancels_;
  Whereabouts& whereabouts_;
  std::uint64_t heeded_;  // news of theirs
  Counts& counts_;
  std::size_t bound_;  // of connections
  std::deque<Operation*> statements_;
  std::deque<Operation*> slow_statements_;
  std::deque<Operation*> borrowers_;
  std::unordered_set<std::string> slow_texts_;  // of reads that were slow the last time
  Clock::duration pace_{};                      // what a read takes in a group, on average
  std::vector<std::shared_ptr<Connection>> connections_;
  std::size_t opening_ = 0;
  std::vector<std::size_t> hosts_;  // in the order in which they are tried
  bool is_probing_ = false;
  int failed_openings_ = 0;
  Clock::time_point failing_since_{};  // of the openings
  Clock::time_point open_again_at_{};
  std::string last_refusal_;           // why no connection came to be
  std::vector<Operation*> to_repeat_;  // of the group that is being settled
  std::vector<std::shared_ptr<Doubt>> doubts_;
  std::size_t entered_ = 0;
  bool is_woken_ = false;
  bool is_ticking_ = false;
  bool is_closing_ = false;
  std::mt19937 random_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer idle_;
  TaskGroup tasks_;
};

}  // namespace minga::sql::postgres
