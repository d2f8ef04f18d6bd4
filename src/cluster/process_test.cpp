#include "cluster/process.hpp"

#include "async/deadline.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;

Program shell(std::string script) {
  return {"test", {"/bin/sh", "-c", std::move(script)}, {"PATH=/usr/bin:/bin", "WORD=given"}, "/"};
}

/// Runs a program under supervision until it has said that many lines.
class ProcessTest : public testing::Test {
 protected:
  Async<void> until(std::size_t lines) {
    auto const end = Clock::now() + 30s;
    while (lines_.size() < lines && Clock::now() < end) co_await sleep_for(1ms);
  }

  Async<void> prepare(Supervised const& supervised) {
    EXPECT_FALSE(supervised.is_running());
    co_await sleep_for(1ms);
    EXPECT_FALSE(supervised.is_running()) << "started before all was prepared";
    ++starts_;
  }

  Async<void> supervise(Program program, std::size_t lines, Clock::duration patience) {
    Processes processes(context_);
    auto keep = [this](std::string_view line) {
      lines_.emplace_back(line);
    };
    Supervised supervised(context_, processes, std::move(program), keep);
    supervised.before_start([this, &supervised] { return prepare(supervised); });
    TaskGroup group(context_.get_executor(), "test");
    group.spawn(processes.run());
    group.spawn(supervised.run());
    co_await until(lines);
    for (int i = 0; i < kills_; ++i) {
      supervised.kill();
      co_await until(++lines);
    }
    auto const begin = Clock::now();
    co_await supervised.stop(patience);
    stopping_ = Clock::now() - begin;
    group.cancel();
    co_await group.join();
    co_await processes.drain(SIGKILL);
  }

  void run(Program program, std::size_t lines, Clock::duration patience = 20s) {
    auto done = boost::asio::co_spawn(context_, supervise(std::move(program), lines, patience),
                                      boost::asio::use_future);
    context_.run();
    done.get();
  }

  boost::asio::io_context context_;
  int kills_ = 0;  // once it has said its lines; it says one more after each
  std::vector<std::string> lines_;
  Clock::duration stopping_{};
  int starts_ = 0;
};

TEST_F(ProcessTest, StartsAgainWhatEnds) {
  run(shell("echo one; exit 3"), 2);
  EXPECT_GE(starts_, 2);
  EXPECT_THAT(lines_, Contains("one").Times(testing::Ge(2)));
}

/// What ends by itself is waited for, 6.2 s for five times.
TEST_F(ProcessTest, StartsAtOnceWhatWasKilled) {
  kills_ = 5;
  auto const begin = Clock::now();
  run(shell("echo one; exec sleep 1000"), 1);
  EXPECT_LT(Clock::now() - begin, 5s);
  EXPECT_EQ(starts_, 6);
}

TEST_F(ProcessTest, GivesTheEnvironmentAndReadsBothOutputs) {
  run(shell("echo $WORD; echo failing >&2; cat; exec sleep 1000"), 2);
  EXPECT_THAT(lines_, ElementsAre("given", "failing"));
  EXPECT_EQ(starts_, 1);
  EXPECT_LT(stopping_, 10s);
}

TEST_F(ProcessTest, KillsWhatDoesNotHeedSigterm) {
  run(shell("trap '' TERM; echo ready; while :; do sleep 1000; done"), 1, 50ms);
  EXPECT_GE(stopping_, 50ms);
  EXPECT_LT(stopping_, 10s);
}

TEST_F(ProcessTest, LeavesNoOrphan) {
  run(shell("sleep 1000 & echo $!; exit 0"), 1);
  ASSERT_FALSE(lines_.empty());
  for (auto const& line : lines_) {
    EXPECT_EQ(::kill(std::stoi(line), 0), -1) << "process " << line << " was left";
  }
}

TEST_F(ProcessTest, SaysThatAProgramIsNotThere) {
  run({"test", {"/no/such/program"}, {}, "/"}, 1);
  EXPECT_THAT(lines_, Contains("/no/such/program: No such file or directory"));
}

TEST(Status, IsDescribed) {
  EXPECT_EQ(describe_status(3 << 8), "exit status 3");
  EXPECT_EQ(describe_status(SIGKILL), "signal 9 (Killed)");
}

}  // namespace
}  // namespace minga::cluster
