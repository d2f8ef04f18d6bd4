#include "sql/postgres/transactions.hpp"

#include "sql/postgres/dialect.hpp"
#include "sql/postgres/doubt.hpp"
#include "sql/postgres/exchange.hpp"
#include "sql/postgres/group.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace minga::sql::postgres {
namespace {

constexpr int kAttempts = 20;

Statement const kBegin("BEGIN ISOLATION LEVEL READ COMMITTED");
Statement const kCommit("COMMIT");
Statement const kRollback("ROLLBACK");
Statement const kSavepoint("SAVEPOINT statement");
Statement const kRelease("RELEASE SAVEPOINT statement");
Statement const kRollbackTo("ROLLBACK TO SAVEPOINT statement");

/// Leaves a body whose transaction the server has given up. No std::exception, so that a body
/// that goes on after errors does not take it for one.
struct GivenUp {};

/// What a body is doing, seen from outside of it.
struct BodyState {
  bool is_waiting = false;  // for its statement
  bool has_ended = false;
  bool has_strayed = false;  // it waited for something else

  void check() { has_strayed |= !is_waiting && !has_ended; }
};

/// A step that a body waits for.
class BodyStep : public Step {
 public:
  BodyStep(Pool& pool, Exchange* exchange, std::shared_ptr<BodyState> body)
      : Step(pool, exchange), body_(std::move(body)) {}
  void finished() override {
    Step::finished();
    body_->check();
  }

 private:
  std::shared_ptr<BodyState> body_;
};

class Waiting {
 public:
  explicit Waiting(BodyState& body) : body_(body) { body_.is_waiting = true; }
  ~Waiting() { body_.is_waiting = false; }
  Waiting(Waiting const&) = delete;
  Waiting& operator=(Waiting const&) = delete;

 private:
  BodyState& body_;
};

/// One run of a body, on one connection that is borrowed when the first statement comes.
class Run : public Transaction {
 public:
  enum class Next { done, again, again_with_savepoints };

  Run(Pool& pool, Deadline deadline, bool savepoints)
      : pool_(pool), deadline_(deadline), has_savepoints_(savepoints) {}
  ~Run() override {
    if (connection_) pool_.give_back(connection_);
  }
  Run(Run const&) = delete;
  Run& operator=(Run const&) = delete;

  Async<Rows> execute(Statement statement) override;
  Async<void> commit();
  void roll_back();
  /// After the body has ended, however it did.
  Next next() const { return next_; }
  bool may_commit() const { return next_ == Next::done && !is_failed_; }
  /// A failed statement was the only one: there is nothing that the body could have kept.
  bool is_empty() const { return kept_ == 0; }
  void want_savepoints() { next_ = Next::again_with_savepoints; }
  std::optional<Error> const& last_error() const { return last_error_; }
  std::shared_ptr<BodyState> const& body() const { return body_; }

 private:
  Async<void> borrow();
  [[noreturn]] void leave_commit();
  Async<void> resolve_commit(Exchange const& exchange);
  [[noreturn]] void fail(Failure const& failure, Statement const& statement);
  [[noreturn]] void give_up(Error const& why);
  void repeat_for(Error const& why);

  Pool& pool_;
  Deadline deadline_;
  bool has_savepoints_;
  std::shared_ptr<Connection> connection_;
  bool is_begun_ = false;
  bool is_failed_ = false;  // the server has the transaction as failed
  int kept_ = 0;            // statements that succeeded
  Next next_ = Next::done;
  std::optional<Error> last_error_;
  std::shared_ptr<BodyState> body_ = std::make_shared<BodyState>();
};

Async<void> Run::borrow() {
  Operation operation;
  operation.deadline = deadline_;
  co_await pool_.run(operation);
  connection_ = std::move(operation.lent);
}

Async<Rows> Run::execute(Statement statement) {
  if (body_->is_waiting)
    throw std::logic_error("A transaction's statements are awaited one by one.");
  check_values(statement.values);
  if (next_ != Next::done) throw GivenUp{};
  if (is_failed_) {
    // The body goes on after a failed statement: for that each one needs a savepoint.
    next_ = Next::again_with_savepoints;
    throw GivenUp{};
  }
  auto const deadline = std::min(statement.deadline, deadline_);
  if (has_passed(deadline)) throw past_deadline("The deadline passed before the statement began.");
  Waiting const waiting(*body_);
  if (!connection_) co_await borrow();
  Exchange exchange;
  auto step = std::make_unique<BodyStep>(pool_, &exchange, body_);
  if (!std::exchange(is_begun_, true)) step->add(kBegin);
  if (has_savepoints_) step->add(kSavepoint);
  auto const at = step->items.size();
  step->add(statement);
  if (has_savepoints_) step->add(kRelease);
  step->cancel_at = deadline;
  if (deadline != kNoDeadline) step->give_up_at = deadline + kCancelGrace;
  co_await exchange_with(pool_, *connection_, std::move(step), exchange);
  if (exchange.loss) give_up(*exchange.loss);
  for (auto const& item : exchange.items) {
    if (item.is_outdated) give_up(item.failure->error);
  }
  if (auto const& failure = exchange.items[at].failure; failure) {
    auto const failed = *failure;
    if (has_savepoints_ && !failed.is_fatal) {
      Exchange undoing;
      auto undo = std::make_unique<BodyStep>(pool_, &undoing, body_);
      undo->add(kRollbackTo);
      undo->add(kRelease);
      co_await exchange_with(pool_, *connection_, std::move(undo), undoing);
      if (undoing.loss) give_up(*undoing.loss);
    } else {
      is_failed_ = true;
    }
    fail(failed, statement);
  }
  for (auto const& item : exchange.items) {
    if (item.failure) give_up(item.failure->error);
  }
  ++kept_;
  co_return std::move(exchange.items[at].rows);
}

void Run::fail(Failure const& failure, Statement const& statement) {
  auto const is_late = has_passed(std::min(statement.deadline, deadline_));
  if (failure.sqlstate == kQueryCancelled && is_late)
    throw past_deadline("The statement was cancelled at its deadline.");
  auto const is_passing = failure.error.code() == ErrorCode::serialization_failure ||
                          failure.sqlstate == kQueryCancelled || failure.is_fatal ||
                          failure.sqlstate == kReadOnlyTransaction;
  if (is_passing) give_up(failure.error);
  last_error_ = failure.error;
  throw failure.error;
}

/// The body is left and run again.
void Run::give_up(Error const& why) {
  repeat_for(why);
  throw GivenUp{};
}

Async<void> Run::commit() {
  if (!is_begun_) co_return;
  Exchange exchange;
  auto step = std::make_unique<Step>(pool_, &exchange);
  step->mark_at = 0;
  step->add(kCommit);
  step->cancel_at = deadline_;
  co_await exchange_with(pool_, *connection_, std::move(step), exchange);
  if (exchange.is_left) leave_commit();
  auto const& mark_failure = exchange.items.front().failure;
  auto const& failure = exchange.items.back().failure;
  auto const is_unmarkable = exchange.items.size() > 1 && mark_failure && !mark_failure->is_fatal;
  if (is_unmarkable || exchange.items.back().is_outdated) {
    roll_back();
    repeat_for(is_unmarkable ? mark_failure->error : failure->error);
  } else if (failure && !failure->is_fatal) {
    if (failure->error.code() != ErrorCode::serialization_failure) throw failure->error;
    repeat_for(failure->error);
  } else if (exchange.loss || failure || exchange.is_unreplicated) {
    co_await resolve_commit(exchange);
  }
}

void Run::repeat_for(Error const& why) {
  next_ = Next::again;
  last_error_ = why;
}

/// The connection is the pool's again, which keeps it for the server's answer.
void Run::leave_commit() {
  pool_.count_late_commit();
  pool_.give_back(std::exchange(connection_, nullptr));
  throw in_doubt("The deadline passed before the server confirmed the COMMIT.");
}

/// Nobody has said whether it was committed.
Async<void> Run::resolve_commit(Exchange const& exchange) {
  auto const& failure = exchange.items.back().failure;
  std::string why = "A transaction was committed, but no standby has confirmed it.";
  if (exchange.loss || failure) {
    why = fmt::format("The connection was lost during COMMIT: {}",
                      exchange.loss ? exchange.loss->what() : failure->error.what());
  }
  if (!exchange.mark) throw in_doubt(why);
  pool_.give_back(std::exchange(connection_, nullptr));
  auto const verdict = co_await resolve(pool_, *exchange.mark, pool_.patience_until(deadline_));
  if (verdict == Verdict::unknown) throw in_doubt(why);
  if (verdict == Verdict::undone) repeat_for(connection_lost(why));
}

/// Not waited for: what the connection does next comes after it.
void Run::roll_back() {
  if (!is_begun_ || !connection_ || !connection_->is_open()) return;
  auto step = std::make_unique<Step>(pool_, nullptr);
  step->add(kRollback);
  connection_->send(std::move(step));
}

/// One run. Returns what is to be done next; throws what the body threw.
Async<Run::Next> run_once(Pool& pool, TransactionBody const& body, Deadline deadline,
                          bool savepoints, std::optional<Error>& last_error) {
  Run run(pool, deadline, savepoints);
  std::exception_ptr thrown;
  auto const executor = co_await boost::asio::this_coro::executor;
  // It has come to its first statement, or to its end, before anything else runs here.
  auto look = [state = run.body()] {
    state->check();
  };
  boost::asio::post(executor, std::move(look));
  try {
    co_await body(run);
  } catch (GivenUp const&) {
    thrown = nullptr;  // run.next() says what follows
  } catch (...) {
    thrown = std::current_exception();
  }
  run.body()->has_ended = true;
  last_error = run.last_error();
  if (run.body()->has_strayed) {
    run.roll_back();
    throw std::logic_error("A transaction's body awaited something other than its own statements.");
  }
  if (run.next() == Run::Next::done && !thrown && !run.may_commit()) {
    // The body ended well after a statement that failed: what it did before that is to stay.
    if (run.is_empty()) {
      run.roll_back();
      co_return Run::Next::done;
    }
    run.want_savepoints();
  }
  if (thrown || run.next() != Run::Next::done) {
    run.roll_back();
    if (run.next() == Run::Next::done) std::rethrow_exception(thrown);
    co_return run.next();
  }
  co_await run.commit();
  last_error = run.last_error();
  co_return run.next();
}

/// What a statement outside of any body failed with.
Error failure_of(Run const& run) {
  return run.last_error() ? *run.last_error() : connection_lost("The connection was lost.");
}

class HeldTables : public HeldWrites {
 public:
  HeldTables(Pool& pool, Deadline deadline) : entered_(pool), run_(pool, deadline, false) {}
  ~HeldTables() override {
    if (!is_finished_) run_.roll_back();
  }
  HeldTables(HeldTables const&) = delete;
  HeldTables& operator=(HeldTables const&) = delete;

  Async<void> take(std::vector<std::string> statements) {
    for (auto& sql : statements) co_await execute(Statement(std::move(sql)));
  }

  Async<void> finish(std::vector<Statement> statements) override {
    for (auto& statement : statements) co_await execute(std::move(statement));
    co_await run_.commit();
    if (run_.next() != Run::Next::done) throw failure_of(run_);
    is_finished_ = true;
  }

 private:
  Async<void> execute(Statement statement) {
    try {
      co_await run_.execute(std::move(statement));
    } catch (GivenUp const&) {
      throw failure_of(run_);
    }
  }

  Entered const entered_;
  Run run_;
  bool is_finished_ = false;
};

/// Locks that let others read and lock rows, but neither write nor take the same locks. The server
/// ends a hold whose process is gone, or has forgotten it.
std::vector<std::string> locking(std::vector<std::string> const& tables, Deadline deadline) {
  constexpr std::chrono::milliseconds kNoEnd{0};
  auto const left = deadline == kNoDeadline
                        ? kNoEnd
                        : std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  std::vector<std::string> statements{
      fmt::format("SET LOCAL idle_in_transaction_session_timeout = {}",
                  deadline == kNoDeadline ? 0 : std::max<std::int64_t>(left.count(), 1))};
  for (auto const& table : tables)
    statements.push_back(
        fmt::format("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", dialect().quote(table)));
  return statements;
}

}  // namespace

Async<std::unique_ptr<HeldWrites>> hold_by_locks(Pool& pool, std::vector<std::string> tables,
                                                 Deadline deadline) {
  if (pool.is_closing()) throw connection_lost("The database is closed.");
  auto held = std::make_unique<HeldTables>(pool, deadline);
  co_await held->take(locking(tables, deadline));
  co_return held;
}

Async<void> run_transaction(Pool& pool, TransactionBody const& body, Deadline deadline) {
  if (pool.is_closing()) throw connection_lost("The database is closed.");
  if (has_passed(deadline)) throw past_deadline("The deadline passed before the transaction.");
  Entered const entered(pool);
  auto savepoints = false;
  for (int attempt = 1;; ++attempt) {
    std::optional<Error> error;
    auto const next = co_await run_once(pool, body, deadline, savepoints, error);
    if (next == Run::Next::done) co_return;
    if (next == Run::Next::again_with_savepoints && !std::exchange(savepoints, true)) continue;
    if (attempt >= kAttempts && error) throw *error;
    if (has_passed(deadline)) throw past_deadline("The deadline passed before the COMMIT.");
    co_await sleep_until(std::min(deadline, Clock::now() + pool.backoff(attempt) / 10));
  }
}

}  // namespace minga::sql::postgres
