// Reads that take longer than an I/O thread has for them.
#include "support/sqlite_test.hpp"

#include <pthread.h>

namespace minga::sql::sqlite {
namespace {

using namespace std::chrono_literals;

/// Some ten milliseconds of work, then gate().
constexpr char const* kLong =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT "
    "gate(MAX(i)) FROM n";
constexpr char const* kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT "
    "COUNT(*) FROM n";

std::string thread_name() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

/// One thread for long reads, where gate() tells its thread's name once the gate is open; two more
/// may wait.
class LongReadsTest : public SqliteTest {
 protected:
  LongReadsTest() : LongReadsTest(std::promise<void>()) {}

  std::future<Rows> start_read(std::string sql, Deadline deadline = kNoDeadline) {
    Statement statement(std::move(sql), {}, deadline);
    return start(engine_.database->read(std::move(statement)));
  }
  void open_gate() { gate_.set_value(); }

 private:
  explicit LongReadsTest(std::promise<void> gate)
      : SqliteTest(options(gate.get_future().share())), gate_(std::move(gate)) {}

  static Options options(std::shared_future<void> gate) {
    Options options;
    options.readers = 1;
    options.read_queue = 2;
    options.read_budget = 1ms;
    auto const pass = [gate](std::span<Value const>) -> Value {
      auto name = thread_name();
      if (name.starts_with("read")) gate.wait();
      return name;
    };
    options.functions.push_back({"gate", -1, pass});
    return options;
  }

  std::promise<void> gate_;
};

TEST_F(LongReadsTest, AShortReadIsDoneOnTheIoThread) {
  EXPECT_EQ(read("SELECT gate()").text(0, 0), "minga-io-0");
  open_gate();
}

TEST_F(LongReadsTest, ALongReadLeavesTheIoThreadToOthers) {
  auto slow = start_read(kLong);
  settle();
  EXPECT_EQ(read("SELECT 7").integer(0, 0), 7);
  insert(1);
  EXPECT_EQ(ids(), Ids{1});
  open_gate();
  EXPECT_EQ(slow.get().text(0, 0), "read-0");
}

TEST_F(LongReadsTest, WhatDoesNotFitIsRefused) {
  std::vector<std::future<Rows>> reads;
  // One is read and two wait; the first may not have begun when the fourth comes.
  for (int i = 0; i < 5; ++i) reads.push_back(start_read(kLong));
  settle();
  open_gate();
  int refused = 0;
  for (auto& read : reads) {
    try {
      EXPECT_EQ(read.get().text(0, 0), "read-0");
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::queue_full);
      EXPECT_TRUE(error.retryable);
      ++refused;
    }
  }
  EXPECT_GE(refused, 2);
  EXPECT_LE(refused, 3);
}

TEST_F(LongReadsTest, ADeadlinePassesWhileWaiting) {
  auto slow = start_read(kLong);
  settle();
  auto const deadline = Clock::now() + 50ms;
  auto late = start_read(kLong, deadline);
  settle();
  while (!has_passed(deadline)) std::this_thread::yield();
  open_gate();
  EXPECT_EQ(refusal([&] { late.get(); }).code(), ErrorCode::deadline);
  slow.get();
}

TEST_F(LongReadsTest, ADeadlineEndsARead) {
  EXPECT_EQ(refusal([&] { read(kEndless, {}, Clock::now() + 50ms); }).code(), ErrorCode::deadline);
  open_gate();
  EXPECT_EQ(read(kLong).text(0, 0), "read-0") << "the thread is free again";
}

TEST_F(LongReadsTest, ClosingWaitsForThem) {
  insert(1);
  auto slow = start_read(kLong);
  settle();
  auto closed = start(engine_.database->close(), 1);
  settle();
  EXPECT_EQ(refusal([&] { read("SELECT 1"); }).code(), ErrorCode::connection_lost);
  EXPECT_EQ(closed.wait_for(0s), std::future_status::timeout);
  open_gate();
  EXPECT_EQ(slow.get().text(0, 0), "read-0");
  closed.get();
  engine_.database.reset();
  EXPECT_FALSE(std::filesystem::exists(engine_.file().string() + "-wal"));
  engine_.open();
  EXPECT_EQ(ids(), Ids{1});
}

}  // namespace
}  // namespace minga::sql::sqlite
