// Many coroutines on two I/O threads: nothing is lost, counted twice or seen half.
#include "async/deadline.hpp"
#include "records/counters.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace minga::records {
namespace {

constexpr int kTasks = 64;
constexpr int kRounds = 10;

class Concurrency : public testing::Test {
 protected:
  Concurrency() {
    auto things = open_to_all("things", {text("name").unique(), number("votes").integer(),
                                         select("tags", {"a", "b", "c"}).many(3),
                                         relation("parent", "things").cascade_delete()});
    store.declare(std::move(things));
    id = text_of(store.create("things", R"({"votes":0})"), "id");
  }

  /// Starts the tasks on both threads and waits for all of them.
  template <class Make>
  void run_all(Make make) {
    std::vector<std::future<void>> futures;
    for (int i = 0; i < kTasks; ++i)
      futures.push_back(store.start(make(i), static_cast<std::size_t>(i % 2)));
    for (auto& future : futures) future.get();
  }

  TestStore store;
  std::string id;
};

Async<void> vote(Store& store, std::string id) {
  for (int i = 0; i < kRounds; ++i) {
    Context context;
    JsonObject changes;
    changes["votes+"] = 1;
    co_await store.update(context, "things", id, std::move(changes));
  }
}

TEST_F(Concurrency, EveryVoteCounts) {
  run_all([&](int) { return vote(*store.store, id); });
  EXPECT_EQ(store.view("things", id).at("votes"), kTasks * kRounds);
  auto const changes = store.changes();
  ASSERT_EQ(changes.size(), 1U + kTasks * kRounds);
  for (std::size_t i = 1; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].record.at("votes"), static_cast<std::int64_t>(i));
    EXPECT_EQ(changes[i].before.at("votes"), static_cast<std::int64_t>(i) - 1);
  }
}

Async<void> claim(Store& store, std::string name, std::atomic<int>& won, std::atomic<int>& lost) {
  Context context;
  JsonObject input;
  input["name"] = name;
  try {
    co_await store.create(context, "things", std::move(input));
    ++won;
  } catch (Error const& error) {
    if (codes_of(error) == "name: validation_not_unique") ++lost;
  }
}

TEST_F(Concurrency, AUniqueNameHasOneOwner) {
  std::atomic<int> won = 0, lost = 0;
  run_all([&](int i) { return claim(*store.store, "name" + std::to_string(i % 4), won, lost); });
  EXPECT_EQ(won, 4);
  EXPECT_EQ(lost, kTasks - 4);
  EXPECT_EQ(store.list("things", "name ~ 'name'").total_items, 4);
}

/// The same request from many connections at once.
Async<void> repeat(Store& store, std::atomic<int>& replayed, std::vector<std::string>& ids, int i) {
  Context context;
  Idempotency idempotency{"guest", "key-of-all", "hash"};
  context.idempotency = &idempotency;
  JsonObject input;
  input["votes"] = i;
  auto const record = co_await store.create(context, "things", std::move(input));
  ids[static_cast<std::size_t>(i)] = text_of(record, "id");
  if (idempotency.replayed) ++replayed;
}

TEST_F(Concurrency, ARepeatedRequestIsDoneOnce) {
  std::atomic<int> replayed = 0;
  std::vector<std::string> ids(kTasks);
  run_all([&](int i) { return repeat(*store.store, replayed, ids, i); });
  EXPECT_EQ(replayed, kTasks - 1);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 1U);
  EXPECT_EQ(store.list("things", "").total_items, 2);
}

/// Creates, counts, removes and creates again.
Async<void> come_and_go(Store& store) {
  for (int i = 0; i < kRounds; ++i) {
    Context context;
    JsonObject input;
    input["votes"] = 1;
    auto const record = co_await store.create(context, "things", input);
    ListQuery query;
    query.filter = "votes = 1";
    query.per_page = 1;
    co_await store.list(context, "things", query);
    auto const record_id = text_of(record, "id");
    co_await store.remove(context, "things", record_id);
    co_await store.create(context, "things", input);
  }
}

TEST_F(Concurrency, TotalsAreExactInTheEnd) {
  run_all([&](int) { return come_and_go(*store.store); });
  auto const exact = store.run(
      store.database->read(sql::Statement("SELECT COUNT(*) FROM things WHERE votes = 1")));
  EXPECT_EQ(exact.integer(0, 0), kTasks * kRounds);
  EXPECT_EQ(store.list("things", "votes = 1").total_items, kTasks * kRounds);
  EXPECT_EQ(store.list("things", "").total_items, kTasks * kRounds + 1);
}

/// After each acknowledged write the total shows it at least.
Async<void> create_only(Store& store, std::atomic<int>& acknowledged, std::atomic<int>& wrong) {
  for (int i = 0; i < kRounds; ++i) {
    Context context;
    JsonObject input;
    input["votes"] = 1;
    co_await store.create(context, "things", std::move(input));
    auto const least = ++acknowledged;
    ListQuery query;
    query.filter = "votes = 1";
    auto const page = co_await store.list(context, "things", query);
    if (page.total_items < least) ++wrong;
  }
}

TEST_F(Concurrency, ATotalShowsEveryAcknowledgedWrite) {
  std::atomic<int> acknowledged = 0, wrong = 0;
  run_all([&](int) { return create_only(*store.store, acknowledged, wrong); });
  EXPECT_EQ(wrong, 0);
}

/// Follows the change log from its beginning until it has seen `count` changes.
Async<void> follow(Store& store, std::size_t count, std::vector<Place>& places) {
  Place last;
  while (places.size() < count) {
    auto const changes = co_await store.changes().after(last, 7, kNoDeadline);
    for (auto const& change : changes) places.push_back(last = change.place);
    if (changes.empty()) co_await sleep_for(std::chrono::milliseconds{1});
  }
}

/// Writes of which some are refused.
Async<void> write_some(Store& store, int seed) {
  for (int i = 0; i < kRounds; ++i) {
    Context context;
    JsonObject input;
    input["name"] = "n" + std::to_string((seed * 7 + i) % 50);
    try {
      co_await store.create(context, "things", std::move(input));
    } catch (Error const& error) {
      if (error.status() != 400) throw;
    }
  }
}

TEST_F(Concurrency, TheChangeLogHasNoGapForThoseWhoFollow) {
  std::vector<Place> places;
  auto follower = store.start(follow(*store.store, 51, places), 1);
  run_all([&](int i) { return write_some(*store.store, i); });
  follower.get();
  std::vector<Place> expected;
  for (auto const& change : store.changes()) expected.push_back(change.place);
  EXPECT_EQ(expected.size(), 51U);
  EXPECT_EQ(places, expected);
}

Async<void> attach_and_detach(Store& store, std::string parent, int seed) {
  for (int i = 0; i < kRounds; ++i) {
    Context context;
    JsonObject input;
    input["parent"] = parent;
    try {
      co_await store.create(context, "things", std::move(input));
      if (seed == 0 && i == kRounds / 2) co_await store.remove(context, "things", parent);
    } catch (Error const& error) {
      if (codes_of(error) != "parent: validation_missing_rel_records") throw;
    }
  }
}

TEST_F(Concurrency, NoChildOutlivesItsParent) {
  run_all([&](int i) { return attach_and_detach(*store.store, id, i); });
  EXPECT_EQ(store.list("things", "").total_items, 0);
  auto const changes = store.changes();
  std::set<std::string> alive;
  for (auto const& change : changes) {
    if (change.action == Action::create) alive.insert(change.record_id);
    if (change.action == Action::delete_) alive.erase(change.record_id);
  }
  EXPECT_TRUE(alive.empty());
}

// Counters.

Async<void> add_many(Counters& counters, std::string name, std::vector<std::int64_t>& values) {
  for (int i = 0; i < kRounds; ++i) {
    auto const value = co_await counters.add(name, 1, kNoDeadline);
    values.push_back(value);
  }
}

TEST_F(Concurrency, CountersGiveEveryoneTheirOwnValue) {
  Counters counters(*store.database);
  std::vector<std::vector<std::int64_t>> values(kTasks);
  run_all([&](int i) {
    return add_many(counters, i < 60 ? "hits" : "other", values[static_cast<std::size_t>(i)]);
  });
  std::set<std::int64_t> hits;
  for (std::size_t i = 0; i < 60; ++i) {
    for (std::size_t k = 1; k < values[i].size(); ++k) EXPECT_LT(values[i][k - 1], values[i][k]);
    hits.insert(values[i].begin(), values[i].end());
  }
  EXPECT_EQ(hits.size(), 600U);
  EXPECT_EQ(*hits.begin(), 1);
  EXPECT_EQ(*hits.rbegin(), 600);
  EXPECT_EQ(store.run(counters.read("hits", kNoDeadline)), 600);
  EXPECT_EQ(store.run(counters.read("other", kNoDeadline)), 40);
  EXPECT_EQ(store.run(counters.read("none", kNoDeadline)), 0);
  EXPECT_EQ(store.run(counters.add("hits", -600, kNoDeadline)), 0);
}

TEST_F(Concurrency, ACounterThatCannotBeWrittenTellsEveryone) {
  Counters counters(*store.database);
  store.run(store.database->write(sql::Statement("ALTER TABLE _counters RENAME TO away")));
  std::atomic<int> failed = 0;
  std::vector<std::future<std::int64_t>> futures;
  for (int i = 0; i < kTasks; ++i)
    futures.push_back(
        store.start(counters.add("hits", 1, kNoDeadline), static_cast<std::size_t>(i % 2)));
  for (auto& future : futures) {
    try {
      future.get();
    } catch (sql::Error const&) {
      ++failed;
    }
  }
  EXPECT_EQ(failed, kTasks);
  store.run(store.database->write(sql::Statement("ALTER TABLE away RENAME TO _counters")));
  EXPECT_EQ(store.run(counters.add("hits", 1, kNoDeadline)), 1);
  auto const past = Clock::now() - std::chrono::seconds{1};
  EXPECT_EQ(error_of([&] { store.run(counters.add("hits", 1, past)); }).status(), 503);
  EXPECT_EQ(store.run(counters.read("hits", kNoDeadline)), 1);
}

TEST_F(Concurrency, PastTheDeadlineNothingIsDone) {
  store.context.deadline = Clock::now() - std::chrono::seconds{1};
  auto const before = store.changes().size();
  EXPECT_EQ(error_of([&] { store.create("things", "{}"); }).status(), 503);
  EXPECT_EQ(error_of([&] { store.update("things", id, "{}"); }).status(), 503);
  EXPECT_EQ(error_of([&] { store.remove("things", id); }).status(), 503);
  EXPECT_EQ(error_of([&] { store.list("things", ""); }).status(), 503);
  EXPECT_EQ(error_of([&] { store.view("things", id); }).status(), 503);
  store.context.deadline = kNoDeadline;
  EXPECT_EQ(store.changes().size(), before);
}

TEST(Counters, AnswerWhatTheDatabaseRefuses) {
  TestStore store;
  Counters counters(*store.database);
  for (auto& sql : store.database->dialect().refuse_writes("_counters"))
    store.run(store.database->write(sql::Statement(std::move(sql))));
  auto const error = error_of([&] { store.run(counters.add("hits", 1, kNoDeadline)); });
  EXPECT_EQ(error.status(), 503);
  EXPECT_TRUE(error.retry_after());
  EXPECT_EQ(store.run(counters.read("hits", kNoDeadline)), 0);
}

}  // namespace
}  // namespace minga::records
