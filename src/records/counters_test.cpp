// What counters make of a database that fails. That they count: concurrency_test.cpp.
#include "records/counters.hpp"

#include "records/passing_database.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace minga::records {
namespace {

using namespace std::chrono_literals;

/// Fails once told how, and keeps the deadline of the last statement.
class LostDatabase : public PassingDatabase {
 public:
  using PassingDatabase::PassingDatabase;

  Async<sql::Rows> read(sql::Statement statement) override {
    deadline = statement.deadline;
    if (failure) throw sql::Error(*failure);
    return PassingDatabase::read(std::move(statement));
  }
  Async<sql::Rows> write(sql::Statement statement) override {
    deadline = statement.deadline;
    if (failure) throw sql::Error(*failure);
    return PassingDatabase::write(std::move(statement));
  }

  std::optional<sql::Error> failure;
  Deadline deadline;
};

class LostCounters : public testing::Test {
 protected:
  minga::Error failed_add() {
    return error_of([&] { store.run(counters.add("hits", 1, kNoDeadline)); });
  }

  TestStore store;
  LostDatabase database{*store.database};
  Counters counters{database};
};

TEST_F(LostCounters, AnswerThatTheDatabaseCannotBeReached) {
  database.failure.emplace(sql::ErrorCode::connection_lost, "gone");
  EXPECT_EQ(failed_add().status(), 503);
  EXPECT_TRUE(failed_add().retry_after().has_value());
  auto const read = error_of([&] { store.run(counters.read("hits", kNoDeadline)); });
  EXPECT_EQ(read.status(), 503);
  database.failure.reset();
  EXPECT_EQ(store.run(counters.add("hits", 1, kNoDeadline)), 1);
}

TEST_F(LostCounters, SayWhenNobodyKnowsWhetherTheyCounted) {
  database.failure.emplace(sql::ErrorCode::connection_lost, "gone");
  database.failure->commit_in_doubt = true;
  EXPECT_EQ(failed_add().code(), "in_doubt");
  EXPECT_FALSE(failed_add().retry_after().has_value());
}

TEST_F(LostCounters, HaveNoNameWithAZero) {
  std::string const zero("a\0b", 3);
  EXPECT_EQ(error_of([&] { store.run(counters.add(zero, 1, kNoDeadline)); }).status(), 400);
  EXPECT_EQ(error_of([&] { store.run(counters.read(zero, kNoDeadline)); }).status(), 400);
}

TEST_F(LostCounters, WaitForTheDatabaseUntilTheDeadlineAlone) {
  auto const deadline = Clock::now() + 5s;
  store.run(counters.add("hits", 1, deadline));
  EXPECT_EQ(database.deadline, deadline);
}

}  // namespace
}  // namespace minga::records
