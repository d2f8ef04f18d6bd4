#include "sql/postgres/pool.hpp"

#include "base/logging.hpp"
#include "sql/postgres/connecting.hpp"
#include "sql/postgres/group.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kGroup = 128;
/// Groups under way on one connection: while the server is at one, the next is there already.
/// More would not be faster, and what waits here can be answered at its deadline.
constexpr std::size_t kGroupsAhead = 2;
constexpr auto kTick = 25ms;
/// After that long without an answer another primary is looked for.
constexpr auto kSilence = 1'500ms;
constexpr auto kBackoffFirst = 50ms;
constexpr auto kBackoffMost = 1'000ms;

bool is_busy(Connection const& connection, Clock::time_point now) {
  auto const* oldest = connection.oldest();
  return oldest != nullptr && (oldest->is_slow || now - oldest->sent_at > kSlow);
}

Error closed() {
  return connection_lost("The database is closed.");
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
                              "Statements cancelled on the server at their deadline.")) {}

Pool::Pool(boost::asio::io_context& context, Settings const& settings, Options const& options,
           Access access, BlockingPool& cancels, Counts& counts)
    : context_(context),
      settings_(settings),
      options_(options),
      access_(access),
      cancels_(cancels),
      counts_(counts),
      bound_(std::max<std::size_t>(1, access == Access::read ? options.readers : options.writers)),
      random_(std::random_device{}()),
      timer_(context),
      idle_(context, Deadline::max()),
      tasks_(context.get_executor(), "postgres") {
  for (std::size_t i = 0; i < settings.hosts().size(); ++i) hosts_.push_back(i);
}

Pool::~Pool() = default;

Async<void> Pool::run(Operation& operation) {
  if (is_closing_ && entered_ == 0) throw closed();
  if (has_passed(operation.deadline)) throw past_deadline("The deadline passed before the start.");
  auto& queue = queue_of(operation);
  if (queue.size() >= options_.queue) {
    Error error(ErrorCode::queue_full,
                fmt::format("{} operations are waiting for the database already.", queue.size()));
    error.retryable = true;
    throw error;
  }
  operation.patience = std::min(operation.deadline, Clock::now() + options_.patience);
  auto begin = [this, &queue, &operation] {
    queue.push_back(&operation);
    wake();
  };
  co_await suspend(operation.resumption, begin);
  if (operation.failure) std::rethrow_exception(operation.failure);
}

std::deque<Operation*>& Pool::queue_of(Operation const& operation) {
  if (operation.statements.empty()) return borrowers_;
  auto const is_slow =
      !slow_texts_.empty() && slow_texts_.contains(operation.statements.front().sql);
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
  drop_read_only();
  send_statements();
  send_slow_statements();
  lend();
  open_more();
  watch();
  check_idle();
}

std::size_t Pool::next_group_size() const {
  if (statements_.front()->is_alone) return 1;
  std::size_t size = 0;
  for (std::size_t items = 0; size < statements_.size() && items < kGroup; ++size) {
    if (statements_[size]->is_alone) break;
    items += statements_[size]->statements.size();
  }
  return size;
}

void Pool::send_statements() {
  while (!statements_.empty()) {
    auto const connection = for_statements();
    if (!connection) return;
    auto group = std::make_unique<Group>(*this);
    for (auto count = next_group_size(); count > 0; --count) {
      group->add(*statements_.front());
      statements_.pop_front();
    }
    counts_.groups.Increment();
    connection->send(std::move(group));
  }
}

/// One by one, and so that a connection stays for the others.
void Pool::send_slow_statements() {
  while (!slow_statements_.empty()) {
    auto const taken = std::count_if(
        connections_.begin(), connections_.end(),
        [](auto const& each) { return each->oldest() != nullptr && each->oldest()->is_slow; });
    auto const connection = idle_one();
    if (!connection || static_cast<std::size_t>(taken) + 1 >= std::max<std::size_t>(bound_, 2))
      return;
    auto group = std::make_unique<Group>(*this);
    group->add(*slow_statements_.front());
    group->is_slow = true;
    slow_statements_.pop_front();
    counts_.groups.Increment();
    connection->send(std::move(group));
  }
}

std::shared_ptr<Connection> Pool::for_statements() const {
  auto const now = Clock::now();
  for (auto const& each : connections_) {
    if (each->is_open() && !each->is_lent && !each->is_cancelling &&
        each->batches() < kGroupsAhead && !is_busy(*each, now))
      return each;
  }
  return nullptr;
}

/// From the other end: the first connections are the statements'.
std::shared_ptr<Connection> Pool::idle_one() const {
  for (auto each = connections_.rbegin(); each != connections_.rend(); ++each) {
    if ((*each)->is_open() && !(*each)->is_lent && !(*each)->is_cancelling &&
        (*each)->batches() == 0)
      return *each;
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

void Pool::open_more() {
  if (Clock::now() < open_again_at_) return;
  auto wanted =
      borrowers_.size() + (statements_.empty() ? 0 : 1) + (slow_statements_.empty() ? 0 : 1);
  // While no server is known to be there, one at a time looks for it.
  if (connections_.empty()) wanted = std::min<std::size_t>(wanted, 1);
  auto const busy = std::count_if(connections_.begin(), connections_.end(),
                                  [](auto const& each) { return each->is_open(); });
  while (opening_ < wanted && static_cast<std::size_t>(busy) + opening_ < bound_) {
    // A group that waits for the one before it is faster than a second connection.
    auto const now = Clock::now();
    auto const is_soon = [now](auto const& each) {
      return !each->is_lent && !each->is_cancelling && !is_busy(*each, now);
    };
    if (borrowers_.empty() && slow_statements_.empty() &&
        std::any_of(connections_.begin(), connections_.end(), is_soon))
      return;
    ++opening_;
    tasks_.spawn(open_one());
  }
}

Async<void> Pool::open_one() {
  auto attempt = co_await connect(settings_, access_, hosts_);
  --opening_;
  if (auto* handle = std::get_if<Handle>(&attempt)) {
    failed_openings_ = 0;
    adopt(std::move(*handle));
  } else {
    auto const& no = std::get<NoConnection>(attempt);
    open_again_at_ = Clock::now() + backoff(++failed_openings_);
    last_refusal_ = no.error.what();
    if (failed_openings_ == 1 || no.is_refused)
      log::warning(fmt::format("No connection to the database {}: {}", settings_.description(),
                               no.error.what()));
    if (no.is_refused && connections_.empty()) refuse_all(no.error);
  }
  wake();
}

void Pool::adopt(Handle handle) {
  auto lost = [this](Connection& connection, Error const& why) {
    on_lost(connection, why);
  };
  auto connection = std::make_shared<Connection>(context_, std::move(handle),
                                                 options_.statement_cache, std::move(lost));
  connection->host = hosts_.front();
  connections_.push_back(connection);
  counts_.connections.Increment();
  connection->start();
}

/// A server that is paused or cut off says nothing, and its socket stays. Silence may be a long
/// statement, too: what tells them apart is another host that is the primary now.
void Pool::probe_if_silent(Clock::time_point now) {
  if (hosts_.size() < 2 || is_probing_ || now < probe_again_at_) return;
  auto const is_silent = [now](auto const& each) {
    auto const* oldest = each->oldest();
    return oldest != nullptr && now - std::max(oldest->sent_at, each->heard_at()) > kSilence;
  };
  if (std::none_of(connections_.begin(), connections_.end(), is_silent)) return;
  is_probing_ = true;
  tasks_.spawn(probe());
}

Async<void> Pool::probe() {
  auto const silent = hosts_.front();
  std::vector<std::size_t> others(hosts_.begin() + 1, hosts_.end());
  auto attempt = co_await connect(settings_, access_, others);
  is_probing_ = false;
  probe_again_at_ = Clock::now() + kSilence;
  auto* handle = std::get_if<Handle>(&attempt);
  if (handle == nullptr) co_return;
  log::warning(fmt::format("The database {} has another primary now.", settings_.description()));
  others.push_back(silent);
  hosts_ = std::move(others);
  auto const old = connections_;
  adopt(std::move(*handle));
  for (auto const& each : old) {
    if (each->host != hosts_.front())
      each->give_up(connection_lost("Another server has become the primary."));
  }
  wake();
}

void Pool::on_lost(Connection& connection, Error const& why) {
  auto const same = [&](auto const& each) {
    return each.get() == &connection;
  };
  auto const found = std::find_if(connections_.begin(), connections_.end(), same);
  if (found == connections_.end()) return;
  connections_.erase(found);
  counts_.connections.Decrement();
  counts_.lost.Increment();
  log::warning(fmt::format("A connection to the database {} is lost: {}", settings_.description(),
                           why.what()));
  wake();
}

void Pool::refuse_all(Error const& error) {
  std::vector<Operation*> refused;
  for (auto* queue : {&statements_, &slow_statements_, &borrowers_}) {
    refused.insert(refused.end(), queue->begin(), queue->end());
    queue->clear();
  }
  for (auto* operation : refused) operation->fail(error);
}

Clock::duration Pool::backoff(int attempts) {
  auto const most = std::min<std::chrono::milliseconds>(
      kBackoffFirst * (1 << std::min(attempts - 1, 10)), kBackoffMost);
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::int64_t>(most.count() / 2, most.count())(random_));
}

/// While anything is under way its deadlines are looked at, many times a second.
void Pool::watch() {
  if (is_ticking_) return;
  auto const is_running = [](auto const& each) {
    return each->batches() > 0;
  };
  if (statements_.empty() && slow_statements_.empty() && borrowers_.empty() &&
      std::none_of(connections_.begin(), connections_.end(), is_running))
    return;
  is_ticking_ = true;
  timer_.expires_after(kTick);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

void Pool::tick() {
  is_ticking_ = false;
  auto const now = Clock::now();
  expire_waiting(now);
  expire_running(now);
  probe_if_silent(now);
  counts_.waiting.Set(
      static_cast<double>(statements_.size() + slow_statements_.size() + borrowers_.size()));
  pump();
}

void Pool::expire_waiting(Clock::time_point now) {
  std::vector<Operation*> expired;
  for (auto* queue : {&statements_, &slow_statements_, &borrowers_}) {
    auto const is_late = [&](Operation* operation) {
      if (now < operation->patience) return false;
      expired.push_back(operation);
      return true;
    };
    queue->erase(std::remove_if(queue->begin(), queue->end(), is_late), queue->end());
  }
  for (auto* operation : expired) {
    if (now >= operation->deadline) {
      operation->fail(past_deadline("The deadline passed before a connection was free."));
    } else {
      operation->fail(connection_lost(fmt::format("No server of {} could do it for {} ms. {}",
                                                  settings_.description(),
                                                  options_.patience.count(), last_refusal_)));
    }
  }
}

void Pool::expire_running(Clock::time_point now) {
  auto const connections = connections_;  // giving one up takes it out
  for (auto const& connection : connections) {
    if (access_ == Access::read) expire_reads(*connection, now);
    auto* oldest = connection->oldest();
    if (oldest == nullptr) continue;
    if (now >= oldest->give_up_at) {
      connection->give_up(connection_lost("The server did not answer in time."));
    } else if (now >= oldest->cancel_at && !connection->is_cancelling) {
      cancel(connection);
    }
  }
}

void Pool::cancel(std::shared_ptr<Connection> const& connection) {
  counts_.cancels.Increment();
  connection->is_cancelling = true;
  tasks_.spawn(send_cancel(connection));
}

/// libpq's cancel blocks. Until it has returned nothing more is sent, so that what it hits was sent
/// before; what it hits by mistake is run again.
Async<void> Pool::send_cancel(std::shared_ptr<Connection> connection) {
  std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> const request(connection->cancel_handle(),
                                                                   &PQfreeCancel);
  std::string failure;
  auto work = [&request, &failure] {
    std::array<char, 256> said{};
    if (request == nullptr || PQcancel(request.get(), said.data(), said.size()) == 0)
      failure = said.data();
  };
  try {
    co_await cancels_.run(work);
  } catch (minga::Error const& error) {
    failure = error.message();
  }
  connection->is_cancelling = false;
  if (!failure.empty())
    log::warning(fmt::format("A statement could not be cancelled: {}", failure));
  wake();
}

bool Pool::is_idle() const {
  auto const is_still = [](auto const& each) {
    return each->batches() == 0 && !each->is_lent;
  };
  return statements_.empty() && slow_statements_.empty() && borrowers_.empty() && entered_ == 0 &&
         std::all_of(connections_.begin(), connections_.end(), is_still);
}

void Pool::check_idle() {
  if (is_closing_ && is_idle()) idle_.cancel();
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
