// Writes of records and counters whose commit is cut off: each is done once, and logged once.
#include "records/counters.hpp"
#include "records/store_testing.hpp"
#include "support/proxy.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>

namespace minga::records {
namespace {

using testing_support::PostgresServer;
using testing_support::Proxy;

constexpr int kRounds = 30;

class TwoNodesInDoubt : public testing::Test {
 protected:
  void SetUp() override {
    if (!testing_support::tests_postgres()) GTEST_SKIP() << "the embedded engine has no connection";
    plain = std::make_unique<TestStore>();
    plain->declare(open_to_all("people", {text("name")}));
    plain->declare(open_to_all("posts", {text("title"), relation("author", "people")}));
    proxy = std::make_unique<Proxy>(PostgresServer::shared().port());
    cut = std::make_unique<TestStore>(TestStore::NodeOf{*plain, proxy->port()});
    cut->run(cut->store->refresh(kNoDeadline));
  }
  void TearDown() override {
    cut.reset();
    proxy.reset();
  }

  std::unique_ptr<TestStore> plain;
  std::unique_ptr<Proxy> proxy;
  std::unique_ptr<TestStore> cut;  // it reaches its server through the proxy
};

struct Done {
  std::map<std::string, int> writes;  // of each record, deletions not counted
  std::vector<std::int64_t> values;   // of the counter
  std::int64_t unknown_values = 0;
  int without_position = 0;
};

Context in_time() {
  Context context;
  context.deadline = Clock::now() + std::chrono::seconds{60};
  return context;
}

void note(Done& done, JsonObject const& record, Context const& context) {
  ++done.writes[text_of(record, "id")];
  if (context.position.empty()) ++done.without_position;
}

/// The value after an addition is exact, or it is not told.
Async<void> count(Counters& counters, Done& done) {
  try {
    done.values.push_back(co_await counters.add("all", 1, kNoDeadline));
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), "in_doubt") << error.message();
    ++done.unknown_values;
  }
}

/// One of each: a creation that is grouped with others, one with a key, one in a body of its own,
/// a change, a counter.
Async<void> write_until(Store& store, Counters& counters, int caller, std::atomic<bool>& stop,
                        Done& done) {
  for (int i = 0; !stop; ++i) {
    auto context = in_time();
    auto const person = co_await store.create(context, "people", object(R"({"name":"a"})"));
    note(done, person, context);

    Idempotency key{"guest", fmt::format("key-{}-{}", caller, i), "hash"};
    context = in_time();
    context.idempotency = &key;
    auto const keyed = co_await store.create(context, "people", object(R"({"name":"k"})"));
    note(done, keyed, context);

    auto const author = text_of(person, "id");
    JsonObject input{{"title", "t"}, {"author", author}};
    context = in_time();
    auto const post = co_await store.create(context, "posts", std::move(input));
    note(done, post, context);

    context = in_time();
    auto changed = co_await store.update(context, "people", author, object(R"({"name":"b"})"));
    note(done, changed, context);

    co_await count(counters, done);
  }
}

TEST_F(TwoNodesInDoubt, WritesAreDoneAndLoggedOnceWhateverIsCut) {
  constexpr std::size_t kCallers = 9;
  auto const seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  Counters counters(*cut->database);
  std::atomic<bool> stop = false;
  std::vector<Done> done(kCallers);
  std::vector<std::future<void>> callers;
  for (std::size_t i = 0; i < kCallers; ++i) {
    auto task = write_until(*cut->store, counters, static_cast<int>(i), stop, done[i]);
    callers.push_back(cut->start(std::move(task), i % 2));
  }
  auto const logged = [&] {
    return plain->run(plain->database->read(sql::Statement("SELECT COUNT(*) FROM _changes")))
        .integer(0, 0);
  };
  for (int round = 0; round < kRounds; ++round) {
    auto const before = logged();
    auto const what = random() % 3;
    if (what == 0) proxy->cut_next_request();
    if (what == 1) proxy->cut_next_answer();
    if (what == 2) proxy->cut_all();
    auto const end = Clock::now() + std::chrono::seconds{30};
    while (logged() < before + 40) ASSERT_LT(Clock::now(), end);
  }
  stop = true;
  std::map<std::string, int> expected;
  std::set<std::int64_t> values;
  std::int64_t told = 0;
  std::int64_t added = 0;
  for (std::size_t i = 0; i < kCallers; ++i) {
    EXPECT_NO_THROW(callers[i].get());
    expected.insert(done[i].writes.begin(), done[i].writes.end());
    values.insert(done[i].values.begin(), done[i].values.end());
    told += std::ssize(done[i].values);
    added += std::ssize(done[i].values) + done[i].unknown_values;
    EXPECT_EQ(done[i].without_position, 0);
  }
  std::map<std::string, int> stored;
  for (auto const& change : plain->changes()) ++stored[change.record_id];
  EXPECT_EQ(stored, expected);
  Counters seen(*plain->database);
  EXPECT_EQ(plain->run(seen.read("all", kNoDeadline)), added);
  EXPECT_GT(told, 0);
  EXPECT_EQ(std::ssize(values), told) << "two callers were told the same value";
  EXPECT_LE(*values.rbegin(), added);
}

}  // namespace
}  // namespace minga::records
