#include "async/bell.hpp"
#include "async/blocking_pool.hpp"
#include "async/deadline.hpp"
#include "async/io_threads.hpp"
#include "async/task_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

namespace minga {
namespace {

using namespace std::chrono_literals;

/// Two I/O threads; run() awaits a coroutine on the first of them and gives its result to the
/// test's thread.
class AsyncTest : public testing::Test {
 protected:
  AsyncTest() : threads_(2) { threads_.start(); }

  template <class T>
  T run(Async<T> task) {
    return boost::asio::co_spawn(threads_.context(0), std::move(task), boost::asio::use_future)
        .get();
  }

  IoThreads threads_;
};

Async<int> answer_after(Clock::duration duration, int answer, bool* ended) {
  struct Mark {
    bool* ended;
    ~Mark() {
      if (ended != nullptr) *ended = true;
    }
  } mark{ended};
  co_await sleep_for(duration);
  co_return answer;
}

TEST_F(AsyncTest, WithDeadlineGivesTheResult) {
  EXPECT_EQ(run(with_deadline(Clock::now() + 10s, answer_after(1ms, 7, nullptr))), 7);
  EXPECT_EQ(run(with_deadline(kNoDeadline, answer_after(1ms, 8, nullptr))), 8);
}

TEST_F(AsyncTest, WithDeadlineCancelsWhatItGivesUp) {
  bool ended = false;
  auto const begin = Clock::now();
  try {
    run(with_deadline(Clock::now() + 20ms, answer_after(60s, 7, &ended)));
    FAIL() << "the deadline did not end the operation";
  } catch (Error const& error) {
    EXPECT_EQ(error.status(), 503);
    EXPECT_TRUE(error.retry_after().has_value());
  }
  EXPECT_TRUE(ended);
  EXPECT_LT(Clock::now() - begin, 30s);
}

TEST_F(AsyncTest, WithDeadlineInThePastDoesNotBegin) {
  bool ended = false;
  EXPECT_THROW(run(with_deadline(Clock::now() - 1s, answer_after(0s, 7, &ended))), Error);
}

Async<void> refuse() {
  co_await sleep_for(1ms);
  throw Error::conflict("a refusal");
}

TEST_F(AsyncTest, WithDeadlineHandsOverFailuresAtOnce) {
  auto const begin = Clock::now();
  try {
    run(with_deadline(Clock::now() + 60s, refuse()));
    FAIL() << "the failure was lost";
  } catch (Error const& error) {
    EXPECT_EQ(error.message(), "a refusal");
  }
  EXPECT_LT(Clock::now() - begin, 30s);
}

Async<void> cancel_while_waiting(bool* ended) {
  TaskGroup group(co_await boost::asio::this_coro::executor, "test");
  auto wait = [](bool* mark) -> Async<void> {
    co_await with_deadline(Clock::now() + 60s, answer_after(60s, 1, mark));
  };
  group.spawn(wait(ended));
  co_await sleep_for(1ms);
  group.cancel();
  co_await group.join();
}

TEST_F(AsyncTest, WithDeadlineIsCancelledWithItsCaller) {
  bool ended = false;
  auto const begin = Clock::now();
  run(cancel_while_waiting(&ended));
  EXPECT_TRUE(ended);
  EXPECT_LT(Clock::now() - begin, 30s);
}

Async<std::pair<std::thread::id, std::thread::id>> where_it_runs(BlockingPool& pool) {
  auto work = [] {
    return std::this_thread::get_id();
  };
  auto const inside = co_await pool.run(work);
  co_return std::pair{inside, std::this_thread::get_id()};
}

Async<std::thread::id> this_thread() {
  co_return std::this_thread::get_id();
}

TEST_F(AsyncTest, PoolWorksElsewhereAndResumesOnTheCallersThread) {
  BlockingPool pool("test", 1, 10);
  auto const [inside, after] = run(where_it_runs(pool));
  EXPECT_EQ(after, run(this_thread()));
  EXPECT_NE(inside, after);
}

Async<void> fail_in(BlockingPool& pool) {
  auto work = [] {
    throw std::runtime_error("broken");
  };
  co_await pool.run(work);
}

TEST_F(AsyncTest, PoolHandsOverExceptions) {
  BlockingPool pool("test", 1, 10);
  EXPECT_THROW(run(fail_in(pool)), std::runtime_error);
}

Async<void> wait_in(BlockingPool& pool, std::shared_future<void> gate) {
  auto work = [gate] {
    gate.wait();
  };
  co_await pool.run(work);
}

TEST_F(AsyncTest, FullPoolRefusesAtOnce) {
  BlockingPool pool("test", 1, 1);
  std::promise<void> open;
  auto const gate = open.get_future().share();
  std::vector<std::future<void>> running;
  int refused = 0;
  // One may be running and one waiting; of three at least one is refused.
  for (int i = 0; i < 3; ++i) {
    running.push_back(
        boost::asio::co_spawn(threads_.context(0), wait_in(pool, gate), boost::asio::use_future));
  }
  run(this_thread());
  for (auto& each : running) {
    if (each.wait_for(200ms) == std::future_status::timeout) continue;
    try {
      each.get();
    } catch (Error const& error) {
      EXPECT_EQ(error.status(), 503);
      ++refused;
    }
  }
  open.set_value();
  EXPECT_GE(refused, 1);
  for (auto& each : running) {
    if (each.valid()) each.get();
  }
}

Async<void> count_when_cancelled(std::atomic<int>& cancelled) {
  try {
    co_await sleep_for(60s);
  } catch (boost::system::system_error const& error) {
    if (error.code() == boost::asio::error::operation_aborted) ++cancelled;
    throw;
  }
}

Async<int> cancel_three() {
  std::atomic<int> cancelled = 0;
  TaskGroup group(co_await boost::asio::this_coro::executor, "test");
  for (int i = 0; i < 3; ++i) group.spawn(count_when_cancelled(cancelled));
  co_await sleep_for(1ms);
  group.cancel();
  co_await group.join();
  EXPECT_EQ(group.size(), 0U);
  co_return cancelled.load();
}

TEST_F(AsyncTest, GroupCancelsAndWaitsForItsTasks) {
  EXPECT_EQ(run(cancel_three()), 3);
}

Async<void> fail() {
  co_await sleep_for(1ms);
  throw std::runtime_error("a task that fails, logged by its group");
}

Async<int> join_a_failing_one() {
  TaskGroup group(co_await boost::asio::this_coro::executor, "test");
  group.spawn(fail());
  co_await group.join();
  co_return 1;
}

TEST_F(AsyncTest, GroupOutlivesATaskThatFails) {
  EXPECT_EQ(run(join_a_failing_one()), 1);
}

Async<int> count_rings(std::shared_ptr<Bell> bell, Clock::duration longest) {
  int rings = 0;
  for (auto begin = Clock::now();; begin = Clock::now()) {
    co_await bell->wait(longest);
    if (Clock::now() - begin >= longest) co_return rings;
    ++rings;
  }
}

TEST_F(AsyncTest, ManyRingsOfABellAreOne) {
  auto const bell = std::make_shared<Bell>(threads_.context(0));
  for (int i = 0; i < 100; ++i) bell->ring();
  EXPECT_EQ(run(count_rings(bell, 200ms)), 1);
}

Async<void> wait_long(std::shared_ptr<Bell> bell) {
  co_await bell->wait(1h);
}

TEST_F(AsyncTest, ABellWakesFromAnyThread) {
  auto const bell = std::make_shared<Bell>(threads_.context(0));
  auto waiting =
      boost::asio::co_spawn(threads_.context(0), wait_long(bell), boost::asio::use_future);
  std::thread ringer([&] { bell->ring(); });
  EXPECT_EQ(waiting.wait_for(20s), std::future_status::ready);
  ringer.join();
}

TEST_F(AsyncTest, WaitingForABellEndsWithItsCaller) {
  auto const bell = std::make_shared<Bell>(threads_.context(0));
  EXPECT_THROW(run(with_deadline(Clock::now() + 20ms, wait_long(bell))), Error);
}

}  // namespace
}  // namespace minga
