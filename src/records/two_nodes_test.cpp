// What two nodes on one PostgreSQL database may do to each other. The embedded engine has one node.
#include "async/deadline.hpp"
#include "records/counters.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace minga::records {
namespace {

using namespace std::chrono_literals;

constexpr int kRounds = 25;

class TwoNodes : public testing::Test {
 protected:
  void SetUp() override {
    if (!testing_support::tests_postgres()) GTEST_SKIP() << "the embedded engine has one node";
    one = std::make_unique<TestStore>();
    one->declare(open_to_all("people", {text("name")}));
    one->declare(open_to_all("posts", {text("title"), relation("author", "people"),
                                       relation("readers", "people").many(9)}));
    two = std::make_unique<TestStore>(TestStore::NodeOf{*one});
  }

  /// Both at the same time; the first failure is thrown.
  void run_both(Async<void> on_one, Async<void> on_two) {
    auto first = one->start(std::move(on_one));
    auto second = two->start(std::move(on_two));
    first.get();
    second.get();
  }

  std::unique_ptr<TestStore> one, two;
};

Async<void> declare_many(Store& store) {
  for (int i = 0; i < kRounds; ++i) {
    auto definition = open_to_all("made" + std::to_string(i), {text("a").unique(), number("b")});
    co_await store.declare(std::move(definition));
  }
}

TEST_F(TwoNodes, DeclareTheSameCollectionsAtOnce) {
  run_both(declare_many(*one->store), declare_many(*two->store));
  auto const rows = one->run(one->database->read(
      sql::Statement("SELECT COUNT(*) FROM _collections WHERE name LIKE 'made%'")));
  EXPECT_EQ(rows.integer(0, 0), kRounds);
  one->create("made7", R"({"a":"x"})");
  EXPECT_EQ(two->list("made7", "").total_items, 1);
}

Async<void> ask_settings(Store& store, std::string own, std::vector<std::string>& values) {
  for (int i = 0; i < kRounds; ++i) {
    auto make = [own] {
      return own;
    };
    auto value = co_await store.setting("secret" + std::to_string(i), make);
    values.push_back(std::move(value));
  }
}

TEST_F(TwoNodes, HaveTheSameSecrets) {
  std::vector<std::string> of_one, of_two;
  run_both(ask_settings(*one->store, "one", of_one), ask_settings(*two->store, "two", of_two));
  EXPECT_EQ(of_one.size(), static_cast<std::size_t>(kRounds));
  EXPECT_EQ(of_one, of_two);
  EXPECT_EQ(one->store->changes().epoch(), two->store->changes().epoch());
}

TEST_F(TwoNodes, SeeWhatTheOtherDeclares) {
  two->declare(open_to_all("later", {text("a")}));
  EXPECT_EQ(error_of([&] { one->list("later", ""); }).status(), 404);
  one->run(one->store->refresh(kNoDeadline));
  EXPECT_EQ(one->list("later", "").total_items, 0);
}

/// Authors that are about to be removed.
std::vector<std::string> make_people(TestStore& store) {
  std::vector<std::string> ids;
  for (int i = 0; i < kRounds; ++i) ids.push_back(text_of(store.create("people", "{}"), "id"));
  return ids;
}

Async<void> refer(Store& store, std::vector<std::string> people) {
  for (auto const& person : people) {
    Context context;
    JsonObject input;
    input["author"] = person;
    input["readers"] = JsonArray{Json(person)};
    try {
      co_await store.create(context, "posts", std::move(input));
    } catch (Error const& error) {
      if (error.status() != 400) throw;  // the person is gone
    }
  }
}

Async<void> remove_all(Store& store, std::vector<std::string> people) {
  for (auto const& person : people) {
    Context context;
    co_await store.remove(context, "people", person);
  }
}

TEST_F(TwoNodes, LeaveNoReferenceToWhatIsGone) {
  auto const people = make_people(*one);
  run_both(refer(*one->store, people), remove_all(*two->store, people));
  EXPECT_EQ(one->list("people", "").total_items, 0);
  for (auto const& post : one->list("posts", "").items) {
    EXPECT_EQ(post.at("author"), "");
    EXPECT_TRUE(post.at("readers").as_array().empty());
  }
}

/// While one lives no standby confirms what the server commits.
class NoStandby {
 public:
  NoStandby() { set("*"); }
  ~NoStandby() { set(""); }
  NoStandby(NoStandby const&) = delete;
  NoStandby& operator=(NoStandby const&) = delete;

 private:
  static void set(char const* names) {
    auto& server = testing_support::PostgresServer::shared();
    server.sql(std::string("ALTER SYSTEM SET synchronous_standby_names = '") + names + "'");
    server.reload();
    while (server.sql("SHOW synchronous_standby_names") != names) std::this_thread::yield();
  }
};

TEST_F(TwoNodes, RepeatNoAnswerThatNoStandbyHasConfirmed) {
  auto const is_replayed = [&](TestStore& node, Clock::duration patience) {
    Idempotency idempotency{"guest", "unconfirmed", "hash"};
    node.context.idempotency = &idempotency;
    node.context.deadline = Clock::now() + patience;
    node.create("people", R"({"name":"n"})");
    return idempotency.replayed;
  };
  {
    NoStandby const alone;
    EXPECT_EQ(error_of([&] { is_replayed(*one, 300ms); }).status(), 503);
    EXPECT_EQ(error_of([&] { is_replayed(*two, 300ms); }).status(), 503)
        << "it is in this server alone";
  }
  EXPECT_TRUE(is_replayed(*two, 20s));
  one->context.deadline = kNoDeadline;
  EXPECT_EQ(one->list("people", "").total_items, 1);
}

Async<void> repeat(Store& store, std::vector<std::string>& ids, int& replayed) {
  for (int i = 0; i < kRounds; ++i) {
    Context context;
    Idempotency idempotency{"guest", "key" + std::to_string(i), "hash"};
    context.idempotency = &idempotency;
    JsonObject input;
    input["name"] = "n";
    auto const record = co_await store.create(context, "people", std::move(input));
    ids.push_back(text_of(record, "id"));
    if (idempotency.replayed) ++replayed;
  }
}

TEST_F(TwoNodes, DoARepeatedRequestOnce) {
  std::vector<std::string> of_one, of_two;
  int replayed_by_one = 0, replayed_by_two = 0;
  run_both(repeat(*one->store, of_one, replayed_by_one),
           repeat(*two->store, of_two, replayed_by_two));
  EXPECT_EQ(of_one, of_two);
  EXPECT_EQ(replayed_by_one + replayed_by_two, kRounds);
  EXPECT_EQ(one->list("people", "").total_items, kRounds);
}

Async<void> count_up(Counters& counters, std::set<std::int64_t>& values) {
  for (int i = 0; i < 4 * kRounds; ++i) {
    auto const value = co_await counters.add("hits", 1, kNoDeadline);
    values.insert(value);
  }
}

TEST_F(TwoNodes, CountExactly) {
  Counters of_one(*one->database), of_two(*two->database);
  std::set<std::int64_t> by_one, by_two;
  run_both(count_up(of_one, by_one), count_up(of_two, by_two));
  by_one.merge(by_two);
  EXPECT_EQ(by_one.size(), static_cast<std::size_t>(8 * kRounds));
  EXPECT_TRUE(by_two.empty()) << "no value was given twice";
  EXPECT_EQ(*by_one.rbegin(), 8 * kRounds);
}

// The change log.

/// A transaction that has its number long before it logs.
Async<void> log_late(sql::Transaction& transaction) {
  for (int i = 0; i < 40; ++i) {
    sql::Statement statement("SELECT pg_current_xact_id()::text");
    co_await transaction.execute(std::move(statement));
  }
  sql::Statement late(
      "INSERT INTO _changes (collection, record_id, action, record, before, at) "
      "VALUES ('late', 'late', 0, '{}', '', '')");
  co_await transaction.execute(std::move(late));
}

Async<void> be_late(sql::Database& database) {
  for (int i = 0; i < kRounds; ++i) {
    sql::TransactionBody body = log_late;
    co_await database.transact(std::move(body));
  }
}

Async<void> write_one(Store& store, std::string id) {
  for (int i = 0; i < 4 * kRounds; ++i) {
    Context context;
    JsonObject changes;
    changes["title"] = std::to_string(i);
    co_await store.update(context, "posts", id, std::move(changes));
  }
}

/// Reads on from each position as a client does that comes back with it.
Async<void> follow(Store& store, std::size_t count, std::vector<Change>& seen) {
  auto position = Position{store.changes().epoch(), {}}.text();
  while (seen.size() < count) {
    auto const from = Position::parse(position)->place;
    auto changes = co_await store.changes().after(from, 5, kNoDeadline);
    for (auto& change : changes) {
      position = Position{store.changes().epoch(), change.place}.text();
      seen.push_back(std::move(change));
    }
    if (changes.empty()) co_await sleep_for(std::chrono::milliseconds{1});
  }
}

TEST_F(TwoNodes, ShowEveryChangeOnceAndInOrder) {
  auto const id = text_of(one->create("posts", "{}"), "id");
  constexpr std::size_t count = 1 + 2 * kRounds + 8 * kRounds;
  std::vector<Change> seen;
  auto following = two->start(follow(*two->store, count, seen), 1);
  auto late_by_one = one->start(be_late(*one->database), 1);
  auto late_by_two = two->start(be_late(*two->database));
  auto written = one->start(write_one(*one->store, id));
  two->run(write_one(*two->store, id));
  written.get();
  late_by_one.get();
  late_by_two.get();
  following.get();
  auto const all = one->changes();
  ASSERT_EQ(all.size(), count);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(seen[i].place, all[i].place);
  // Each change of a record begins where the one before it ended.
  Change const* before = nullptr;
  for (auto const& change : seen) {
    if (change.action != Action::update) continue;
    if (before != nullptr) {
      EXPECT_EQ(change.before, before->record);
    }
    before = &change;
  }
}

Async<void> create_many(Store& store, int count) {
  for (int i = 0; i < count; ++i) {
    Context context;
    JsonObject record;
    co_await store.create(context, "people", std::move(record));
  }
}

/// Reads on as fast as it can, until nothing follows what was there in the end.
Async<void> follow_until(Store& store, std::atomic<bool> const& is_over,
                         std::multiset<std::string>& seen) {
  Place position;
  for (auto goes_on = true; goes_on;) {
    auto const was_over = is_over.load();
    auto const changes = co_await store.changes().after(position, 1'000, kNoDeadline);
    for (auto const& change : changes) {
      position = change.place;
      seen.insert(change.record_id);
    }
    goes_on = !changes.empty() || !was_over;
  }
}

/// Transactions end, and let go of their locks one by one, while the log is read.
TEST_F(TwoNodes, HideNoChangeOfTransactionsThatAreJustEnding) {
  constexpr int kWriters = 8;
  constexpr int kEach = 1'000;
  std::atomic<bool> is_over = false;
  std::multiset<std::string> seen;
  auto following = two->start(follow_until(*two->store, is_over, seen), 1);
  std::vector<std::future<void>> writers;
  for (std::size_t i = 0; i < kWriters; ++i) {
    writers.push_back(one->start(create_many(*one->store, kEach), i % 2));
    writers.push_back(two->start(create_many(*two->store, kEach), i % 2));
  }
  for (auto& each : writers) each.get();
  is_over = true;
  following.get();
  auto const all = one->changes();
  ASSERT_EQ(all.size(), std::size_t{2} * kWriters * kEach);
  EXPECT_EQ(seen.size(), all.size());
  for (auto const& change : all) EXPECT_EQ(seen.count(change.record_id), 1U) << change.record_id;
}

/// A transaction of psql's that stays open after these statements.
class OpenTransaction {
 public:
  OpenTransaction(std::string const& url, std::string const& statements)
      : pipe_(
            popen(("/usr/lib/postgresql/15/bin/psql -Xq '" + url + "' > /dev/null").c_str(), "w")) {
    std::fputs(("SET application_name = 'open'; BEGIN; " + statements + "\n").c_str(), pipe_);
    std::fflush(pipe_);
    auto& server = testing_support::PostgresServer::shared();
    auto const end = Clock::now() + std::chrono::seconds{20};
    while (server.sql("SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'open' AND "
                      "state = 'idle in transaction' AND backend_xid IS NOT NULL") != "1") {
      if (Clock::now() > end) throw std::runtime_error("no open transaction: " + statements);
    }
  }
  ~OpenTransaction() { pclose(pipe_); }
  OpenTransaction(OpenTransaction const&) = delete;
  OpenTransaction& operator=(OpenTransaction const&) = delete;

 private:
  FILE* pipe_;
};

TEST_F(TwoNodes, HoldAChangeBackForAnOlderTransactionThatHasLoggedOne) {
  OpenTransaction const older(
      testing_support::PostgresServer::shared().url(one->engine.database_name()),
      "INSERT INTO _changes (collection, record_id, action, record, before, at) VALUES "
      "('c', 'r', 0, '{}', '', '');");
  auto const id = text_of(one->create("people", "{}"), "id");
  for (auto const& change : two->changes()) EXPECT_NE(change.record_id, id);
}

}  // namespace
}  // namespace minga::records
