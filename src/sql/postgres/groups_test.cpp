// Statements of several callers share transactions; none of them may notice.
#include "support/postgres_test.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <atomic>
#include <set>
#include <thread>

namespace minga::sql::postgres {
namespace {

constexpr char const* kInsert = "INSERT INTO notes (id, size) VALUES ($1, $2)";

class GroupsTest : public PostgresTest {
 protected:
  /// Starts all of them in one turn of the I/O thread's loop, so that they go out together.
  template <class Start>
  auto at_once(std::size_t count, Start begin) {
    std::vector<decltype(begin(std::size_t{}))> all;
    std::promise<void> done;
    boost::asio::post(engine_.threads.context(0), [&] {
      for (std::size_t i = 0; i < count; ++i) all.push_back(begin(i));
      done.set_value();
    });
    done.get_future().get();
    return all;
  }
};

TEST_F(GroupsTest, ManyWritesShareTransactions) {
  auto const before = counter("minga_postgres_groups_total");
  auto all = at_once(100, [&](std::size_t i) {
    return start_write(kInsert, {static_cast<std::int64_t>(i), std::int64_t{0}});
  });
  for (auto& each : all) EXPECT_EQ(each.get().affected(), 1);
  EXPECT_EQ(count(), 100);
  EXPECT_LT(counter("minga_postgres_groups_total") - before, 10);
  EXPECT_LT(std::stoi(psql("SELECT COUNT(DISTINCT xmin::text) FROM notes")), 10);
}

TEST_F(GroupsTest, OneThatFailsHurtsNoOther) {
  insert(50);
  auto all = at_once(100, [&](std::size_t i) {
    return start_write(kInsert, {static_cast<std::int64_t>(i), std::int64_t{0}});
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 50) {
      EXPECT_EQ(refusal([&] { all[i].get(); }).code(), ErrorCode::unique_violation);
    } else {
      EXPECT_EQ(all[i].get().affected(), 1);
    }
  }
  EXPECT_EQ(count(), 100);
}

TEST_F(GroupsTest, AReadThatIsWrongHurtsNoOther) {
  auto all = at_once(20, [&](std::size_t i) {
    return start_read(i % 5 == 0 ? "SELECT nothing FROM nowhere" : "SELECT 1::bigint");
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % 5 == 0) {
      EXPECT_EQ(refusal([&] { all[i].get(); }).code(), ErrorCode::syntax);
    } else {
      EXPECT_EQ(all[i].get().integer(0, 0), 1);
    }
  }
}

TEST_F(GroupsTest, AConstraintThatIsCheckedAtTheEndIsItsWritersAlone) {
  write("CREATE TABLE marks (id BIGINT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)");
  insert(1);
  auto all = at_once(10, [&](std::size_t i) {
    return start_write("INSERT INTO marks VALUES ($1)", {std::int64_t{i == 4 ? 7 : 1}});
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 4) {
      EXPECT_EQ(refusal([&] { all[i].get(); }).code(), ErrorCode::foreign_key_violation);
    } else {
      EXPECT_EQ(all[i].get().affected(), 1);
    }
  }
  EXPECT_EQ(read("SELECT COUNT(*) FROM marks").integer(0, 0), 9);
}

TEST_F(GroupsTest, StatementsOfOneCallStandOrFallTogether) {
  insert(9);
  auto all = at_once(5, [&](std::size_t i) {
    std::vector<Statement> statements;
    auto const id = static_cast<std::int64_t>(i * 10);
    statements.emplace_back(kInsert, Params{id + 100, std::int64_t{0}});
    statements.emplace_back(kInsert, Params{i == 2 ? std::int64_t{9} : id, std::int64_t{0}});
    return start(engine_.database->write_all(std::move(statements)));
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 2) {
      EXPECT_EQ(refusal([&] { all[i].get(); }).code(), ErrorCode::unique_violation);
    } else {
      EXPECT_EQ(all[i].get().size(), 2U);
    }
  }
  EXPECT_EQ(count(), 9);
  EXPECT_EQ(read("SELECT COUNT(*) FROM notes WHERE id = 120").integer(0, 0), 0);
}

TEST_F(GroupsTest, AWritePastItsDeadlineIsUndoneAndItsNeighboursAreNot) {
  auto const deadline = Clock::now() + 200ms;
  auto all = at_once(10, [&](std::size_t i) {
    auto const* sql = i == 3 ? "INSERT INTO notes SELECT $1, $2 FROM pg_sleep(60)" : kInsert;
    return start_write(sql, {static_cast<std::int64_t>(i), std::int64_t{0}},
                       i == 3 ? deadline : kNoDeadline);
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 3) {
      EXPECT_EQ(refusal([&] { all[i].get(); }).code(), ErrorCode::deadline);
    } else {
      EXPECT_EQ(all[i].get().affected(), 1);
    }
  }
  EXPECT_EQ(count(), 9);
}

TEST_F(GroupsTest, ACancelThatHitsAnotherStatementIsNotNoticed) {
  // The one past its deadline waits behind the one that the cancel reaches.
  auto const deadline = Clock::now() + 150ms;
  auto all = at_once(2, [&](std::size_t i) {
    return i == 0 ? start_write("INSERT INTO notes SELECT 1, 0 FROM pg_sleep(0.6)")
                  : start_write(kInsert, {std::int64_t{2}, std::int64_t{0}}, deadline);
  });
  EXPECT_EQ(all[0].get().affected(), 1);
  EXPECT_EQ(refusal([&] { all[1].get(); }).code(), ErrorCode::deadline);
  EXPECT_EQ(count(), 1);
}

TEST_F(GroupsTest, ReadsGoOnBesideASlowOne) {
  auto slow = start_read("SELECT 1::bigint FROM pg_sleep(2)");
  wait_for(
      "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = "
      "current_database() AND now() - query_start > '100 ms'",
      "1");
  auto const begin = Clock::now();
  EXPECT_EQ(count(), 0);
  EXPECT_LT(Clock::now() - begin, 1s);
  EXPECT_EQ(slow.get().integer(0, 0), 1);
}

TEST_F(GroupsTest, ReadsThatAreKnownToBeSlowGoAlone) {
  constexpr char const* kSlowRead = "SELECT 1::bigint FROM pg_sleep(3)";
  read(kSlowRead);
  auto all = at_once(
      10, [&](std::size_t i) { return start_read(i == 0 ? kSlowRead : "SELECT 1::bigint"); });
  auto const begin = Clock::now();
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i].get().integer(0, 0), 1);
  EXPECT_LT(Clock::now() - begin, 2s);
  EXPECT_EQ(all[0].get().integer(0, 0), 1);
}

TEST_F(GroupsTest, EqualReadsThatWaitTogetherAreDoneOnce) {
  auto all = at_once(60, [&](std::size_t i) {
    Statement statement("SELECT random() + $1::bigint", {static_cast<std::int64_t>(i % 3)});
    statement.is_volatile = i % 3 == 2;
    return start(engine_.database->read(std::move(statement)));
  });
  std::array<std::set<double>, 3> seen;
  for (std::size_t i = 0; i < all.size(); ++i) seen.at(i % 3).insert(all[i].get().real(0, 0));
  EXPECT_LT(seen[0].size(), 10U);
  EXPECT_LT(seen[1].size(), 10U);
  EXPECT_LT(*seen[0].rbegin(), 1);
  EXPECT_GE(*seen[1].begin(), 1);
  EXPECT_EQ(seen[2].size(), 20U) << "what is volatile is done for each";
}

TEST_F(GroupsTest, AReadDoesNotSeeLessForBeingAskedBefore) {
  for (std::int64_t i = 1; i <= 50; ++i) {
    auto all = at_once(5, [&](std::size_t) { return start_read("SELECT COUNT(*) FROM notes"); });
    insert(i);
    EXPECT_EQ(count(), i);
    for (auto& each : all) EXPECT_GE(each.get().integer(0, 0), i - 1);
  }
}

TEST_F(GroupsTest, AReadGivenUpTakesNothingFromWhoAskTheSame) {
  constexpr char const* kSlowRead = "SELECT 1::bigint FROM pg_sleep(0.6)";
  auto const deadline = Clock::now() + 150ms;
  auto all = at_once(6, [&](std::size_t i) {
    return start_read(kSlowRead, {}, i % 2 == 0 ? deadline : kNoDeadline);
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % 2 == 0) {
      EXPECT_EQ(refusal([&] { all[i].get(); }).code(), ErrorCode::deadline);
    } else {
      EXPECT_EQ(all[i].get().integer(0, 0), 1);
    }
  }
}

TEST_F(GroupsTest, SlowReadsAreNotKeptWaitingByQuickOnes) {
  constexpr char const* kSlowRead = "SELECT $1::bigint FROM pg_sleep(0.05)";
  read(kSlowRead, {std::int64_t{0}});
  std::atomic<bool> is_done = false;
  std::vector<std::thread> quick;
  for (int i = 0; i < 4; ++i) {
    quick.emplace_back([&] {
      while (!is_done) read("SELECT COUNT(*) FROM notes");
    });
  }
  auto const begin = Clock::now();
  for (std::int64_t i = 0; i < 10; ++i) EXPECT_EQ(read(kSlowRead, {i}).integer(0, 0), i);
  EXPECT_LT(Clock::now() - begin, 10s);
  is_done = true;
  for (auto& each : quick) each.join();
}

TEST_F(GroupsTest, TableChangesDoNotDisturbPreparedStatements) {
  insert(1);
  EXPECT_EQ(read("SELECT * FROM notes").columns().size(), 2U);
  write("ALTER TABLE notes ADD COLUMN more TEXT DEFAULT 'x'");
  auto const rows = read("SELECT * FROM notes");
  EXPECT_EQ(rows.columns().size(), 3U);
  EXPECT_EQ(rows.text(0, 2), "x");
  write("ALTER TABLE notes RENAME COLUMN more TO other");
  EXPECT_EQ(read("SELECT * FROM notes").columns().back(), "other");
  TransactionBody body = [](Transaction& transaction) -> Async<void> {
    auto const found = co_await transaction.execute(Statement("SELECT * FROM notes"));
    EXPECT_GE(found.columns().size(), 3U);
  };
  transact(body);
  write("ALTER TABLE notes ADD COLUMN last BIGINT");
  transact(body);
}

TEST_F(GroupsTest, ConnectionsForgetStatementsThatAreNotUsed) {
  auto options = engine_.options;
  options.statement_cache = 5;
  options.readers = 1;
  engine_.close();
  engine_.options = options;
  engine_.open();
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(read("SELECT " + std::to_string(i % 25) + "::bigint").integer(0, 0), i % 25);
  EXPECT_LE(read("SELECT COUNT(*) FROM pg_prepared_statements").integer(0, 0), 6);
}

TEST_F(GroupsTest, MoreThanTheQueueHoldsIsRefused) {
  engine_.close();
  engine_.options.queue = 10;
  engine_.open();
  auto all = at_once(30, [&](std::size_t) { return start_read("SELECT 1::bigint"); });
  int refused = 0;
  for (auto& each : all) {
    try {
      each.get();
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::queue_full);
      EXPECT_TRUE(error.retryable);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 20);
}

}  // namespace
}  // namespace minga::sql::postgres
