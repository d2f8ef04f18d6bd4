// What processes on one database hear of one another.
#include "async/task_group.hpp"
#include "support/postgres_test.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresEngine;
using testing_support::PostgresServer;

Options at(std::string url) {
  Options options;
  options.url = std::move(url);
  return options;
}

Async<std::unique_ptr<TaskGroup>> begin_listening(Database* database,
                                                  std::function<void(std::string_view)> heard) {
  auto tasks = std::make_unique<TaskGroup>(co_await boost::asio::this_coro::executor, "test");
  tasks->spawn(database->listen(std::move(heard)));
  co_return tasks;
}

Async<void> end(TaskGroup* tasks) {
  tasks->cancel();
  co_await tasks->join();
}

/// A process that listens, and writes down what it hears.
class Ear {
 public:
  explicit Ear(std::string url) : engine(at(std::move(url))) {
    auto note = [this](std::string_view topic) {
      std::lock_guard const lock(mutex_);
      heard_.emplace_back(topic);
      changed_.notify_all();
    };
    tasks_ = engine.run(begin_listening(engine.database.get(), note));
  }
  ~Ear() { engine.run(end(tasks_.get())); }

  /// Waits until `topic` was heard; what was heard before and with it is forgotten.
  bool hears(std::string const& topic, std::chrono::seconds within = 20s) {
    std::unique_lock lock(mutex_);
    auto const found = [&] {
      auto const at = std::find(heard_.begin(), heard_.end(), topic);
      if (at == heard_.end()) return false;
      heard_.erase(heard_.begin(), at + 1);
      return true;
    };
    return changed_.wait_for(lock, within, found);
  }
  std::vector<std::string> heard() {
    std::lock_guard const lock(mutex_);
    return heard_;
  }

  PostgresEngine engine;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
  std::unique_ptr<TaskGroup> tasks_;
};

using ListeningTest = PostgresTest;

TEST_F(ListeningTest, HearsWhatOthersAnnounceAndNotItself) {
  Ear one(engine_.options.url), two(engine_.options.url);
  EXPECT_TRUE(one.hears(""));
  EXPECT_TRUE(two.hears(""));
  one.engine.run(one.engine.database->announce("own", kNoDeadline));
  two.engine.run(two.engine.database->announce("theirs", kNoDeadline));
  EXPECT_TRUE(two.hears("own"));
  EXPECT_TRUE(one.hears("theirs"));
  EXPECT_TRUE(one.heard().empty());
}

TEST_F(ListeningTest, IsOutOfEveryWritesTransaction) {
  Ear ear(engine_.options.url);
  EXPECT_TRUE(ear.hears(""));
  // In one turn of the loop: the writes go out as one group, the announcement by itself.
  auto const groups = counter("minga_postgres_groups_total");
  std::vector<std::future<Rows>> writes;
  std::promise<void> blocked;
  boost::asio::post(engine_.threads.context(0), [&] { blocked.get_future().wait(); });
  for (std::int64_t id = 1; id <= 3; ++id)
    writes.push_back(start_write("INSERT INTO notes (id, size) VALUES ($1, 0)", {id}));
  auto announced = start(engine_.database->announce("news", kNoDeadline));
  for (std::int64_t id = 4; id <= 6; ++id)
    writes.push_back(start_write("INSERT INTO notes (id, size) VALUES ($1, 0)", {id}));
  blocked.set_value();
  for (auto& each : writes) each.get();
  announced.get();
  EXPECT_EQ(counter("minga_postgres_groups_total") - groups, 3);
  EXPECT_TRUE(ear.hears("news"));
}

TEST_F(ListeningTest, ListensAgainWhenItsConnectionIsLost) {
  Ear ear(engine_.options.url);
  EXPECT_TRUE(ear.hears(""));
  psql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND "
      "datname = current_database()");
  EXPECT_TRUE(ear.hears("")) << "something may have been missed";
  engine_.run(engine_.database->announce("later", kNoDeadline));
  EXPECT_TRUE(ear.hears("later"));
}

/// The first host in turn is killed, or says nothing any more; the second becomes the primary.
void hears_the_next_primary(bool is_paused) {
  PostgresServer primary;
  PostgresServer standby(PostgresServer::StandbyOf{primary});
  auto const url =
      fmt::format("postgresql://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?connect_timeout=2",
                  primary.port(), standby.port());
  Ear ear(url);
  ASSERT_TRUE(ear.hears(""));
  if (is_paused) {
    primary.pause();
  } else {
    primary.kill();
  }
  standby.promote();
  ASSERT_TRUE(ear.hears("", 40s));
  PostgresEngine other(at(standby.url()));
  other.run(other.database->announce("after", kNoDeadline));
  EXPECT_TRUE(ear.hears("after"));
  if (is_paused) primary.resume();
}

TEST(Listening, FindsTheNewPrimaryWhenTheOldOneDies) {
  hears_the_next_primary(false);
}

TEST(Listening, FindsTheNewPrimaryWhenTheOldOneIsPaused) {
  hears_the_next_primary(true);
}

}  // namespace
}  // namespace minga::sql::postgres
