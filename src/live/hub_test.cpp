#include "live/hub.hpp"

#include "async/deadline.hpp"
#include "http/request_impl.hpp"
#include "records/passing_database.hpp"
#include "support/engine.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

namespace minga::live {
namespace {

using namespace std::chrono_literals;
using testing_support::SqliteEngine;

/// The log's end is told late when that is wished.
class LateDatabase : public records::PassingDatabase {
 public:
  using PassingDatabase::PassingDatabase;

  Async<sql::Rows> read(sql::Statement statement) override {
    auto const is_end = statement.sql.find("MAX(number)") != std::string::npos;
    auto const is_page = statement.sql.find("WHERE number > $1") != std::string::npos;
    auto rows = co_await PassingDatabase::read(std::move(statement));
    if (is_end) {
      ++ends;
      while (is_late) co_await sleep_for(1ms);
    }
    if (is_page && rows.empty()) ++read_through;
    co_return rows;
  }

  std::atomic<bool> is_late = false;
  std::atomic<int> ends = 0;          // reads of the log's end
  std::atomic<int> read_through = 0;  // reads that found nothing more
};

/// Keeps what it is given.
class Client : public BodyWriter {
 public:
  Async<void> write(std::string_view bytes) override {
    std::lock_guard const lock(mutex_);
    received_ += bytes;
    co_return;
  }
  bool stopping() const override { return is_gone; }
  Async<void> wait(std::chrono::milliseconds duration) override { co_await sleep_for(duration); }

  int events() const {
    std::lock_guard const lock(mutex_);
    int count = 0;
    for (auto at = received_.find("data:"); at != std::string::npos;
         at = received_.find("data:", at + 1))
      ++count;
    return count;
  }

  std::atomic<bool> is_gone = false;

 private:
  mutable std::mutex mutex_;
  std::string received_;
};

template <class Condition>
bool becomes(Condition condition) {
  auto const until = Clock::now() + 10s;
  while (!condition() && Clock::now() < until) std::this_thread::yield();
  return condition();
}

class HubTest : public testing::Test {
 protected:
  HubTest() : late(*engine.database), store(late, engine.metrics) {
    engine.run(store.open());
    records::Definition posts;
    posts.name = "posts";
    posts.list_rule = posts.create_rule = "";
    engine.run(store.declare(std::move(posts)));
  }
  ~HubTest() override {
    late.is_late = false;
    client.is_gone = true;
    if (stream.valid()) stream.wait();
    if (hub) engine.run(hub->stop(kNoDeadline));
  }

  /// Returns when it waits for a bell; nothing else tells it of news.
  void start(Settings settings) {
    settings.poll = 1h;
    hub.emplace(engine.threads, store, settings, engine.metrics);
    auto const before = late.ends.load();
    engine.run(hub->start());
    ASSERT_TRUE(becomes([&] { return late.ends == before + 2; }));
  }
  void create(int count) {
    JsonObject const empty;
    for (int n = 0; n < count; ++n) engine.run(store.create(context, "posts", empty));
  }
  /// Opens the client's stream with the log's beginning as its position.
  void connect() {
    auto since = records::Position{store.changes().epoch(), {}}.text();
    stream = boost::asio::co_spawn(engine.threads.context(1),
                                   follow(*hub, std::move(since), client), boost::asio::use_future);
  }
  bool has_ended() const { return stream.wait_for(0s) == std::future_status::ready; }

  SqliteEngine engine;
  LateDatabase late;
  records::Store store;
  records::Context context;
  std::optional<Hub> hub;
  Client client;
  std::future<void> stream;

 private:
  static Async<void> follow(Hub& hub, std::string since, Client& client) {
    auto request = make_request(Method::get, "/api/events?topic=posts/*",
                                {{"Last-Event-ID", std::move(since)}});
    auto response = co_await hub.events(request);
    co_await std::get<Response::Stream>(response.body()).writer(client);
  }
};

TEST_F(HubTest, AClientThatComesWhileMuchIsHandedOutKeepsItsStream) {
  Settings settings;
  settings.buffer_events = 10;
  start(settings);
  create(50);  // nobody listens: it is not handed out yet
  auto const before = late.ends.load();
  late.is_late = true;
  connect();
  ASSERT_TRUE(becomes([&] { return late.ends > before; }));
  create(1);
  ASSERT_TRUE(becomes([&] { return late.read_through > 0; }));
  late.is_late = false;
  ASSERT_TRUE(becomes([&] { return client.events() >= 51; }));
  create(1);
  ASSERT_TRUE(becomes([&] { return client.events() >= 52; }));
  EXPECT_EQ(client.events(), 52);
  EXPECT_FALSE(has_ended());
}

}  // namespace
}  // namespace minga::live
