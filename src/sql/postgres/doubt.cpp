// What is asked about a commit that nobody has confirmed: docs/decisions/004.
#include "sql/postgres/doubt.hpp"

#include "base/logging.hpp"
#include "sql/postgres/exchange.hpp"
#include "sql/postgres/group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace minga::sql::postgres {
namespace {

/// Waits for a transaction that has made its mark and is at its commit. One that has not made it
/// yet fails when it does: what is added to its number is out of range. Its own commit comes after
/// what it saw: once it is confirmed, that is. Number 0: no mark was made in that row.
constexpr char const* kBar =
    "INSERT INTO _writers (token, number, bar) VALUES ($1, 0, 9223372036854775807) ON CONFLICT "
    "(token) DO UPDATE SET bar = EXCLUDED.bar RETURNING number";

/// A connection borrowed from the pool; given back when it goes.
class Loan {
 public:
  explicit Loan(Pool& pool) : pool_(pool) {}
  ~Loan() {
    if (connection_) pool_.give_back(connection_);
  }
  Loan(Loan const&) = delete;
  Loan& operator=(Loan const&) = delete;

  Async<void> borrow(Deadline deadline) {
    Operation operation;
    operation.deadline = deadline;
    operation.is_kept = true;  // a caller who is cancelled has to learn the outcome, too
    co_await pool_.run(operation);
    connection_ = std::move(operation.lent);
  }
  Connection& connection() { return *connection_; }

 private:
  Pool& pool_;
  std::shared_ptr<Connection> connection_;
};

/// A server that is away, or a primary no more, says nothing about it.
bool may_answer_later(Error const& error) {
  return error.retryable || error.code() == ErrorCode::read_only;
}

Verdict verdict_of(Mark const& mark, std::int64_t number) {
  if (number == mark.number) return Verdict::committed;
  // The row was there once: somebody has emptied the table, or the server has lost commits.
  if (number == 0 && !mark.is_first) return Verdict::unknown;
  return Verdict::undone;
}

/// Nothing: to be asked again.
Async<std::optional<Verdict>> bar(Pool& pool, Mark const& mark, Deadline deadline) {
  Loan loan(pool);
  co_await loan.borrow(deadline);
  Params values{mark.token};
  Statement const statement(kBar, std::move(values));
  Exchange exchange;
  auto step = std::make_unique<Step>(pool, &exchange);
  step->add(statement);
  step->cancel_at = deadline;
  step->give_up_at = deadline + kCancelGrace;
  co_await exchange_with(pool, loan.connection(), std::move(step), exchange);
  auto const& item = exchange.items.front();
  if (exchange.loss || exchange.is_unreplicated || item.is_outdated) co_return std::nullopt;
  if (auto const failure = exchange.failure()) throw *failure;
  co_return verdict_of(mark, item.rows.integer(0, 0));
}

Async<std::optional<Verdict>> try_to_bar(Pool& pool, Mark const& mark, Deadline deadline) {
  try {
    co_return co_await bar(pool, mark, deadline);
  } catch (Error const& error) {
    if (may_answer_later(error)) co_return std::nullopt;
    log::error(fmt::format("Whether a write was committed cannot be found out: {}", error.what()));
  } catch (std::exception const& error) {
    log::error(fmt::format("Whether a write was committed cannot be found out: {}", error.what()));
  }
  co_return Verdict::unknown;
}

}  // namespace

Async<Verdict> resolve(Pool& pool, Mark mark, Deadline deadline) {
  pool.count_doubt();
  for (int attempt = 1; !has_passed(deadline); ++attempt) {
    auto const verdict = co_await try_to_bar(pool, mark, deadline);
    if (verdict) co_return *verdict;
    co_await sleep_until(std::min(deadline, Clock::now() + pool.backoff(attempt)));
  }
  co_return Verdict::unknown;
}

}  // namespace minga::sql::postgres
