#include "support/postgres_test.hpp"

#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <stdexcept>

namespace minga::sql::postgres {
namespace {

constexpr char const* kInsert = "INSERT INTO notes (id, size) VALUES ($1, 0)";
constexpr char const* kGrow = "UPDATE notes SET size = size + 1 WHERE id = $1";
constexpr char const* kSleepers =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE "
    "'%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()";

Statement with_id(char const* sql, std::int64_t id, Deadline deadline = kNoDeadline) {
  Params values{id};
  return Statement(sql, std::move(values), deadline);
}

class TransactionsTest : public PostgresTest {};

Async<void> insert_caught(Transaction& transaction, std::int64_t id) {
  auto insert = with_id(kInsert, id);
  try {
    co_await transaction.execute(std::move(insert));
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::unique_violation);
  }
}

TEST_F(TransactionsTest, EndWellAfterAFailedStatementWithAllOthers) {
  insert(1);
  int runs = 0;
  TransactionBody body = [&runs](Transaction& transaction) -> Async<void> {
    ++runs;
    co_await insert_caught(transaction, 2);
    co_await insert_caught(transaction, 1);
  };
  transact(body);
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(runs, 2);  // the second with savepoints
}

TEST_F(TransactionsTest, AFailedStatementAloneNeedsNoSecondRun) {
  insert(1);
  int runs = 0;
  TransactionBody body = [&runs](Transaction& transaction) {
    ++runs;
    return insert_caught(transaction, 1);
  };
  transact(body);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(count(), 1);
}

Async<void> swallow_everything(Transaction& transaction, int& swallowed) {
  for (std::int64_t id : {2, 1, 3}) {
    auto insert = with_id(kInsert, id);
    try {
      co_await transaction.execute(std::move(insert));
    } catch (...) {
      ++swallowed;
    }
  }
}

TEST_F(TransactionsTest, ABodyThatSwallowsEverythingIsRunAgainAllTheSame) {
  insert(1);
  int swallowed = 0;
  transact([&](Transaction& transaction) { return swallow_everything(transaction, swallowed); });
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(swallowed, 3);  // the failed one, all that followed, the failed one again
}

Async<void> grow_both(Transaction& transaction, std::int64_t first, std::int64_t second,
                      std::atomic<int>& begun) {
  auto one = with_id(kGrow, first);
  co_await transaction.execute(std::move(one));
  ++begun;
  while (begun < 2) co_await transaction.execute(Statement("SELECT pg_sleep(0.01)"));
  auto two = with_id(kGrow, second);
  co_await transaction.execute(std::move(two));
}

TEST_F(TransactionsTest, ADeadlockIsRunAgain) {
  insert(1);
  insert(2);
  std::atomic<int> begun = 0;
  auto one = start_transact([&](Transaction& t) { return grow_both(t, 1, 2, begun); });
  auto two =
      start_transact([&](Transaction& t) { return grow_both(t, 2, 1, begun); }, kNoDeadline, 1);
  one.get();
  two.get();
  EXPECT_EQ(size_of(1), 2);
  EXPECT_EQ(size_of(2), 2);
  EXPECT_GT(begun, 2);
}

Async<void> read_and_write(Transaction& transaction) {
  auto find = Statement("SELECT size FROM notes WHERE id = 1 FOR UPDATE");
  auto const rows = co_await transaction.execute(std::move(find));
  Params values{rows.integer(0, 0) + 1};
  Statement set("UPDATE notes SET size = $1 WHERE id = 1", std::move(values));
  co_await transaction.execute(std::move(set));
}

TEST_F(TransactionsTest, WhoLocksWhatHeReadsLosesNoUpdate) {
  insert(1);
  std::vector<std::future<void>> all;
  for (std::size_t i = 0; i < 200; ++i)
    all.push_back(start_transact(read_and_write, kNoDeadline, i % 2));
  for (auto& each : all) each.get();
  EXPECT_EQ(size_of(1), 200);
}

Async<void> sleep_in(Transaction& transaction, Deadline deadline) {
  Statement sleep("SELECT pg_sleep(60)", {}, deadline);
  co_await transaction.execute(std::move(sleep));
}

TEST_F(TransactionsTest, AStatementPastItsDeadlineIsCancelledOnTheServer) {
  auto const deadline = Clock::now() + 150ms;
  auto const error = refusal(
      [&] { transact([&](Transaction& transaction) { return sleep_in(transaction, deadline); }); });
  EXPECT_EQ(error.code(), ErrorCode::deadline);
  wait_for(kSleepers, "0");
  insert(1);
  EXPECT_EQ(count(), 1);
}

TEST_F(TransactionsTest, ATransactionPastItsDeadlineLeavesNothing) {
  auto const body = [](Transaction& transaction) -> Async<void> {
    auto insert = with_id(kInsert, 1);
    co_await transaction.execute(std::move(insert));
    co_await sleep_in(transaction, kNoDeadline);
  };
  auto const error = refusal([&] { transact(body, Clock::now() + 150ms); });
  EXPECT_EQ(error.code(), ErrorCode::deadline);
  EXPECT_EQ(count(), 0);
}

TEST_F(TransactionsTest, ABodyThatAwaitsSomethingElseIsAFault) {
  auto const late = [](Transaction& transaction) -> Async<void> {
    auto insert = with_id(kInsert, 1);
    co_await transaction.execute(std::move(insert));
    co_await sleep_for(20ms);
  };
  EXPECT_THROW(transact(late), std::logic_error);
  auto const at_once = [](Transaction& transaction) -> Async<void> {
    co_await sleep_for(20ms);
    auto insert = with_id(kInsert, 1);
    co_await transaction.execute(std::move(insert));
  };
  EXPECT_THROW(transact(at_once), std::logic_error);
  EXPECT_EQ(count(), 0);
}

TEST_F(TransactionsTest, AConstraintThatIsCheckedAtTheEndFailsTheCommit) {
  write("CREATE TABLE marks (id BIGINT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)");
  auto const body = [](Transaction& transaction) -> Async<void> {
    auto insert = with_id("INSERT INTO marks VALUES ($1)", 7);
    co_await transaction.execute(std::move(insert));
  };
  auto const error = refusal([&] { transact(body); });
  EXPECT_EQ(error.code(), ErrorCode::foreign_key_violation);
  EXPECT_FALSE(error.commit_in_doubt);
  EXPECT_EQ(read("SELECT COUNT(*) FROM marks").integer(0, 0), 0);
}

TEST_F(TransactionsTest, MoreThanThereAreConnectionsWaitForTheirTurn) {
  std::vector<std::future<void>> all;
  for (std::int64_t id = 0; id < 300; ++id) {
    all.push_back(start_transact([id](Transaction& t) { return insert_caught(t, id); }, kNoDeadline,
                                 static_cast<std::size_t>(id % 2)));
  }
  for (auto& each : all) each.get();
  EXPECT_EQ(count(), 300);
}

TEST_F(TransactionsTest, OneWithoutStatementsTouchesNoServer) {
  auto const body = [](Transaction&) -> Async<void> {
    co_return;
  };
  EXPECT_NO_THROW(transact(body));
}

}  // namespace
}  // namespace minga::sql::postgres
