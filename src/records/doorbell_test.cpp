// What is announced of commits, and who is told of what others announce.
#include "records/doorbell.hpp"

#include "async/deadline.hpp"
#include "records/passing_database.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace minga::records {
namespace {

using namespace std::chrono_literals;

/// As if other processes could write, who hear what is announced and say what say() is told.
class SharedDatabase : public PassingDatabase {
 public:
  using PassingDatabase::PassingDatabase;

  bool is_exclusive() const override { return false; }
  Async<void> announce(std::string topic, Deadline) override {
    std::lock_guard const lock(mutex_);
    ++announced_[topic];
    co_return;
  }
  Async<void> listen(std::function<void(std::string_view)> heard) override {
    {
      std::lock_guard const lock(mutex_);
      heard_ = std::move(heard);
    }
    co_await sleep_for(1h);
  }

  void say(std::string_view topic) {
    std::lock_guard const lock(mutex_);
    heard_(topic);
  }
  bool listens() {
    std::lock_guard const lock(mutex_);
    return heard_ != nullptr;
  }
  int announced(std::string const& topic) {
    std::lock_guard const lock(mutex_);
    return announced_[topic];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> announced_;
  std::function<void(std::string_view)> heard_;
};

class DoorbellTest : public testing::Test {
 protected:
  DoorbellTest() : shared(*node.database), store(shared, node.engine.metrics) {
    node.run(store.open());
    node.run(store.declare(open_to_all("notes", {text("title")})));
    store.changes().bells().on_news([this] { ++news; });
    store.declarations().on_news([this] { ++declared; });
    doorbell = std::make_unique<Doorbell>(node.engine.threads, store);
    node.run(doorbell->start());
    // It begins with what was committed before it.
    until([this] { return shared.listens() && shared.announced("collections") == 1; });
    news = declared = 0;
  }
  ~DoorbellTest() override { node.run(doorbell->stop(kNoDeadline)); }

  template <class Condition>
  static void until(Condition condition) {
    auto const end = Clock::now() + 20s;
    while (!condition()) {
      if (Clock::now() > end) throw std::runtime_error("it did not come to pass");
      std::this_thread::yield();
    }
  }
  void write() {
    Context context;
    JsonObject input;
    input["title"] = "t";
    node.run(store.create(context, "notes", std::move(input)));
  }

  TestStore node;
  SharedDatabase shared;
  Store store;
  std::atomic<int> news = 0, declared = 0;
  std::unique_ptr<Doorbell> doorbell;
};

TEST_F(DoorbellTest, AnnouncesACommit) {
  auto const before = shared.announced("changes");
  write();
  until([&] { return shared.announced("changes") > before; });
}

TEST_F(DoorbellTest, AnnouncesManyCommitsOfAMomentOnce) {
  auto const before = shared.announced("changes");
  auto const begin = Clock::now();
  for (int i = 0; i < 300; ++i) write();
  until([&] { return shared.announced("changes") > before; });
  auto const times = shared.announced("changes") - before;
  // One each 30 ms, the one under way and the one that is due.
  EXPECT_LE(times, (Clock::now() - begin) / 30ms + 2);
}

TEST_F(DoorbellTest, TellsOfWhatOthersAnnounceWithoutAnEcho) {
  std::atomic<int> commits = 0;
  store.changes().bells().on_commit([&commits] { ++commits; });
  for (int i = 0; i < 10; ++i) shared.say("changes");
  EXPECT_EQ(news, 10);
  EXPECT_EQ(declared, 0);
  shared.say("something else");
  EXPECT_EQ(news, 10);
  shared.say("");  // some may have been missed
  EXPECT_EQ(news, 11);
  EXPECT_EQ(declared, 1);
  EXPECT_EQ(commits, 0) << "what is heard is not announced again";
  write();
  EXPECT_EQ(news, 12);
  EXPECT_EQ(commits, 1);
}

TEST_F(DoorbellTest, AnnouncesDeclarationsThatChangeSomething) {
  node.run(store.declare(open_to_all("notes", {text("title")})));
  EXPECT_EQ(declared, 0);
  node.run(store.declare(open_to_all("notes", {text("title"), text("more")})));
  EXPECT_EQ(declared, 1);
  until([this] { return shared.announced("collections") == 2; });
}

}  // namespace
}  // namespace minga::records
