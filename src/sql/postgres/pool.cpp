#include "sql/postgres/pool.hpp"

#include "sql/postgres/group.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace minga::sql::postgres {
namespace {

constexpr std::size_t kGroup = 128;
/// Groups under way on one connection. While the server is at one group of reads, the next is there
/// already. Writes wait for the disk: what comes until it has answered is better one group, and one
/// flush, than two. More would not be faster, and what waits here can be answered at its deadline.
constexpr std::size_t kReadsAhead = 2;
constexpr std::size_t kWritesAhead = 1;

Error closed() {
  return connection_lost("The database is closed.");
}

prometheus::Counter& reads_by(Metrics& metrics, char const* server) {
  return metrics.counter("minga_postgres_reads_total", "Reads by who answered them.",
                         {{"server", server}});
}

prometheus::Counter& left_by_replicas(Metrics& metrics, char const* reason) {
  return metrics.counter(
      "minga_postgres_replica_misses_total",
      "Reads that a standby might have answered and that went to the primary, by the reason.",
      {{"reason", reason}});
}

}  // namespace

Counts::Counts(Metrics& metrics)
    : connections(metrics.gauge("minga_postgres_connections", "Open connections.")),
      waiting(metrics.gauge("minga_postgres_waiting", "Operations that wait for a connection.")),
      operations(metrics.counter("minga_postgres_operations_total",
                                 "Single statements that were done or failed.")),
      groups(metrics.counter("minga_postgres_groups_total",
                             "Groups of single statements sent, a server transaction each.")),
      repeated(metrics.counter("minga_postgres_repeated_total",
                               "Statements and transactions that were run again.")),
      lost(metrics.counter("minga_postgres_lost_total", "Connections that were lost.")),
      cancels(metrics.counter("minga_postgres_cancels_total",
                              "Statements cancelled on the server at their deadline.")),
      late_commits(metrics.counter("minga_postgres_late_commits_total",
                                   "Commits that were not confirmed by their deadlines.")),
      doubts(metrics.counter("minga_postgres_doubts_total",
                             "Commits that nobody confirmed, and that had to be looked for.")),
      barriers(metrics.counter("minga_postgres_barriers_total",
                               "Commits by which the primary showed readers that it is one.")),
      primary_reads(reads_by(metrics, "primary")),
      replica_reads(reads_by(metrics, "replica")),
      no_replica(left_by_replicas(metrics, "none")),
      behind(left_by_replicas(metrics, "behind")) {}

Entered::Entered(Pool& pool) : pool_(pool) {
  pool_.enter();
}
Entered::~Entered() {
  pool_.leave();
}

Pool::Pool(boost::asio::io_context& context, Settings const& settings, Options const& options,
           Access access, std::vector<std::size_t> hosts, BlockingPool& cancels,
           Whereabouts& whereabouts, Counts& counts)
    : context_(context),
      settings_(settings),
      options_(options),
      access_(access),
      cancels_(cancels),
      whereabouts_(whereabouts),
      heeded_(whereabouts.last().number),
      counts_(counts),
      bound_(std::max<std::size_t>(1, access == Access::write ? options.writers : options.readers)),
      hosts_(std::move(hosts)),
      random_(std::random_device{}()),
      timer_(context),
      idle_(context, Deadline::max()),
      tasks_(context.get_executor(), "postgres") {}

Pool::~Pool() = default;

Async<void> Pool::run(Operation& operation) {
  if (is_closing_ && entered_ == 0) throw closed();
  if (has_passed(operation.deadline)) throw past_deadline("The deadline passed before the start.");
  if (access_ == Access::replica && connections_.empty() && Clock::now() < open_again_at_)
    throw connection_lost(last_refusal_);
  auto& queue = queue_of(operation);
  if (queue.size() >= options_.queue) {
    Error error(ErrorCode::queue_full,
                fmt::format("{} operations are waiting for the database already.", queue.size()));
    error.retryable = true;
    throw error;
  }
  operation.patience = patience_until(operation.deadline);
  auto cancel = [this, &operation](boost::asio::cancellation_type) {
    cancel_waiting(operation);
  };
  auto begin = [this, &queue, &operation, &cancel](boost::asio::cancellation_slot cancellation) {
    if (cancellation.is_connected() && !operation.is_kept) cancellation.assign(cancel);
    queue.push_back(&operation);
    wake();
  };
  co_await suspend(operation.resumption, begin);
  if (operation.failure) std::rethrow_exception(operation.failure);
}

/// What is under way goes on; it is not run again. Past its deadline the pool itself says so.
void Pool::cancel_waiting(Operation& operation) {
  operation.is_cancelled = true;
  if (has_passed(operation.deadline)) return;
  for (auto* queue : {&statements_, &slow_statements_, &borrowers_}) {
    if (std::erase(*queue, &operation) == 0) continue;
    boost::asio::post(context_, [&operation] { operation.fail_cancelled(); });
    wake();
  }
}

Deadline Pool::patience_until(Deadline deadline) const {
  return std::min(deadline, Clock::now() + options_.patience);
}

std::deque<Operation*>& Pool::queue_of(Operation const& operation) {
  if (operation.statements.empty()) return borrowers_;
  auto const is_slow = !slow_texts_.empty() && slow_texts_.contains(operation.text());
  return is_slow ? slow_statements_ : statements_;
}

/// What is submitted in one turn of the loop goes out together.
void Pool::wake() {
  if (std::exchange(is_woken_, true)) return;
  boost::asio::post(context_, [this] {
    is_woken_ = false;
    pump();
  });
}

void Pool::pump() {
  heed_whereabouts();
  drop_read_only();
  introduce_all();
  send_statements();
  send_slow_statements();
  lend();
  open_more();
  watch();
  check_idle();
}

/// A group of reads is done long before it would be taken for slow.
std::size_t Pool::group_bound() const {
  if (access_ == Access::write || pace_ * kGroup < kSlow / 4) return kGroup;
  return std::max<std::size_t>(1, static_cast<std::size_t>(kSlow / 4 / pace_));
}

std::unique_ptr<Pool::Group> Pool::next_group() {
  auto group = std::make_unique<Group>(*this);
  auto const bound = group_bound();
  auto const alone = statements_.front()->is_alone;
  while (!statements_.empty()) {
    auto& next = *statements_.front();
    if ((alone || next.is_alone) && !group->members.empty()) break;
    if (group->items.size() >= bound && !(reads() && group->takes(next))) break;
    if (reads()) {
      group->add_read(next);
    } else {
      group->add(next);
    }
    statements_.pop_front();
  }
  return group;
}

void Pool::send_statements() {
  while (!statements_.empty()) {
    auto const connection = for_statements();
    if (!connection) return;
    counts_.groups.Increment();
    auto group = next_group();
    if (access_ == Access::write) group->mark_at = group->items.size();
    connection->send(std::move(group));
  }
}

/// One by one, with all who ask the same, and so that a connection stays for the others.
void Pool::send_slow_statements() {
  while (!slow_statements_.empty()) {
    auto const taken = std::count_if(
        connections_.begin(), connections_.end(),
        [](auto const& each) { return each->oldest() != nullptr && each->oldest()->is_slow; });
    auto const connection = idle_one();
    if (!connection || static_cast<std::size_t>(taken) + 1 >= std::max<std::size_t>(bound_, 2))
      return;
    auto group = std::make_unique<Group>(*this);
    for (auto& each : slow_statements_) {
      if (!group->takes(*each)) continue;
      group->add_read(*each);
      each = nullptr;
    }
    std::erase(slow_statements_, nullptr);
    group->is_slow = true;
    counts_.groups.Increment();
    connection->send(std::move(group));
  }
}

/// The last one is left to slow statements where there are any: it is never idle otherwise.
std::shared_ptr<Connection> Pool::for_statements() const {
  auto const now = Clock::now();
  auto const most = reads() ? kReadsAhead : kWritesAhead;
  auto const last_is_taken = !slow_statements_.empty() && connections_.size() > 1;
  for (auto const& each : connections_) {
    if (last_is_taken && each == connections_.back()) break;
    if (each->is_open() && !each->is_taken() && each->batches() < most && !is_busy(*each, now))
      return each;
  }
  return nullptr;
}

/// From the other end: the first connections are the statements'.
std::shared_ptr<Connection> Pool::idle_one() const {
  for (auto each = connections_.rbegin(); each != connections_.rend(); ++each) {
    if ((*each)->is_open() && !(*each)->is_taken() && (*each)->batches() == 0) return *each;
  }
  return nullptr;
}

void Pool::lend() {
  std::vector<Operation*> served;
  while (!borrowers_.empty()) {
    auto connection = idle_one();
    if (!connection) break;
    connection->is_lent = true;
    borrowers_.front()->lent = std::move(connection);
    served.push_back(borrowers_.front());
    borrowers_.pop_front();
  }
  for (auto* operation : served) operation->complete();
}

void Pool::give_back(std::shared_ptr<Connection> const& connection) {
  connection->is_lent = false;
  wake();
}

void Pool::leave() {
  --entered_;
  check_idle();
}

bool Pool::is_idle() const {
  // A commit that goes on by itself does so without the connection, too.
  auto const is_still = [](auto const& each) {
    auto const* batch = each->oldest();
    auto const is_over = batch == nullptr || (batch->is_committing() && !batch->is_awaited());
    return is_over && !each->is_lent && !each->is_introducing;
  };
  return statements_.empty() && slow_statements_.empty() && borrowers_.empty() && doubts_.empty() &&
         entered_ == 0 && std::all_of(connections_.begin(), connections_.end(), is_still);
}

void Pool::check_idle() {
  if (is_closing_ && is_idle()) idle_.cancel();
}

void Pool::abandon(Error const& why) {
  refuse_all(why);
  auto const connections = connections_;  // giving one up takes it out
  for (auto const& connection : connections) connection->give_up(why);
}

Async<void> Pool::close() {
  co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
  is_closing_ = true;
  while (!is_idle()) {
    boost::system::error_code ignored;  // check_idle() cancels the timer: that is the signal
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ignored);
    co_await idle_.async_wait(token);
  }
  tasks_.cancel();
  co_await tasks_.join();
  timer_.cancel();
  for (auto const& connection : connections_) {
    connection->close();
    counts_.connections.Decrement();
  }
  connections_.clear();
  // What was posted to this pool runs before it may be destroyed.
  co_await boost::asio::post(context_, boost::asio::use_awaitable);
}

}  // namespace minga::sql::postgres
