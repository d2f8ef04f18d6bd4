// How a primary shows that it has what a reader has seen: docs/decisions/004.
#include "sql/postgres/barrier.hpp"

#include "sql/postgres/session.hpp"
#include "sql/postgres/timeline.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

/// Before a read is tried again on connections that lead to a former primary.
constexpr std::chrono::milliseconds kPause{50};

/// The message is the one thing that it writes: without it the server would not wait for a standby.
std::string const kCommitNothing =
    fmt::format("SELECT ({})::bigint, pg_logical_emit_message(true, 'minga', '')", kTimeline);

/// $1: no transaction up to that one is under way any more. $2: nor is this one. A primary that was
/// replaced may have given the same numbers to transactions of its own, of which some are committed
/// without a standby, as a NOTIFY is. So both numbers are to be those of a writer's mark that is
/// seen, or older: what has left one has waited for its standby, and no other primary gives such
/// numbers again. Then one that came to nothing here did so everywhere.
constexpr char const* kShows =
    "SELECT $1 < pg_snapshot_xmin(now)::text::bigint AND $2 < pg_snapshot_xmax(now)::text::bigint "
    "AND COALESCE(pg_xact_status($2::text::xid8), '') <> 'in progress' AND EXISTS (SELECT 1 FROM "
    "_writers WHERE age(xmin) <= age((GREATEST($1::bigint, $2::bigint) & "
    "4294967295)::text::xid)) FROM pg_current_snapshot() AS now";

/// The server whose commit was confirmed, or one that has followed it.
std::string const kHasFollowed = fmt::format("SELECT ({})::bigint >= $1", kTimeline);

/// The read's rows, where the condition holds on the server that gives them.
Async<std::optional<Rows>> read_if(Pool& readers, Statement condition, Statement const& read) {
  std::vector<Statement> statements;
  statements.push_back(std::move(condition));
  statements.push_back(read);
  Operation operation;
  operation.statements = statements;
  operation.deadline = read.deadline;
  co_await readers.run(operation);
  if (!operation.rows.front().boolean(0, 0)) co_return std::nullopt;
  co_return std::move(operation.rows.back());
}

/// A table that is missing may be among what a former primary has not seen; or it is the writers',
/// and nobody knows.
Async<std::optional<Rows>> read_if_shown(Pool& readers, Statement const& read) {
  auto const& after = read.replica->after;
  Params values{after.all_until, after.own};
  Statement shows(kShows, std::move(values), read.deadline);
  try {
    co_return co_await read_if(readers, std::move(shows), read);
  } catch (Error const& error) {
    if (error.code() != ErrorCode::syntax) throw;
  }
  co_return std::nullopt;
}

Error not_confirmed() {
  return past_deadline(
      "No server has confirmed by the deadline that it is the primary, and has what the reader has "
      "seen.");
}

/// A read leaves nothing in doubt.
Error refusal_of(Error const& error) {
  auto const is_late =
      error.commit_in_doubt || error.is_committed || error.code() == ErrorCode::deadline;
  return is_late ? not_confirmed() : error;
}

}  // namespace

/// One commit, and who waits for it.
struct Barrier::Round {
  explicit Round(boost::asio::io_context& context) : end(context, Deadline::max()) {}

  Async<void> wait() {
    boost::system::error_code ignored;  // run() cancels the timer: that is the signal
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ignored);
    if (!timeline && !failure) co_await end.async_wait(token);
  }

  Deadline deadline = Deadline::min();   // of the last who waits
  std::optional<std::int64_t> timeline;  // confirmed
  std::optional<Error> failure;
  boost::asio::steady_timer end;
};

Barrier::Barrier(boost::asio::io_context& context, Pool& writers, Counts& counts)
    : context_(context),
      writers_(writers),
      counts_(counts),
      tasks_(context.get_executor(), "barrier") {}

Async<std::int64_t> Barrier::pass(Deadline deadline) {
  if (!next_) next_ = std::make_shared<Round>(context_);
  auto const round = next_;
  round->deadline = std::max(round->deadline, deadline);
  if (!std::exchange(is_running_, true)) tasks_.spawn(run());
  auto ending = round->wait();
  try {
    co_await with_deadline(deadline, std::move(ending));
  } catch (minga::Error const&) {
    throw not_confirmed();
  }
  if (!round->timeline) throw round->failure.value_or(not_confirmed());
  co_return *round->timeline;
}

/// Who comes while a commit is under way waits for the next: what was sent before a read had come
/// tells nothing about it.
Async<void> Barrier::run() {
  while (next_) {
    auto const round = std::exchange(next_, nullptr);
    try {
      round->timeline = co_await commit(round->deadline);
    } catch (Error const& error) {
      round->failure = refusal_of(error);
    } catch (std::exception const& error) {
      round->failure = connection_lost(error.what());
    }
    round->end.cancel();
  }
  is_running_ = false;
}

/// One that is in doubt is nobody's question: another tells as much.
Async<std::int64_t> Barrier::commit(Deadline deadline) {
  for (int attempt = 1;; ++attempt) {
    counts_.barriers.Increment();
    Statement const statement(kCommitNothing, {}, deadline);
    Operation operation;
    operation.statements = std::span(&statement, 1);
    operation.deadline = deadline;
    try {
      co_await writers_.run(operation);
      co_return operation.rows.front().integer(0, 0);
    } catch (Error const& error) {
      auto const may_follow = error.commit_in_doubt || error.is_committed;
      if (!may_follow || has_passed(deadline)) throw;
    }
    co_await sleep_until(std::min(deadline, Clock::now() + writers_.backoff(attempt)));
  }
}

Async<void> Barrier::close() {
  tasks_.cancel();
  co_await tasks_.join();
}

Async<Rows> read_after(Pool& readers, Barrier& barrier, Statement const& statement) {
  auto const last = readers.patience_until(statement.deadline);
  auto rows = co_await read_if_shown(readers, statement);
  if (rows) co_return std::move(*rows);
  auto const timeline = co_await barrier.pass(last);
  for (;;) {
    Params values{timeline};
    Statement has_followed(kHasFollowed, std::move(values), statement.deadline);
    rows = co_await read_if(readers, std::move(has_followed), statement);
    if (rows) co_return std::move(*rows);
    if (Clock::now() + kPause > last)
      throw connection_lost("Reads are answered by a primary that was replaced.");
    co_await sleep_for(kPause);
  }
}

}  // namespace minga::sql::postgres
