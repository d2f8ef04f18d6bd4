// What the change log shows where commits wait for a standby: nothing that a failover takes back.
#include "records/change_log.hpp"
#include "records/store_testing.hpp"
#include "support/refusal.hpp"
#include "support/replica_pair.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace minga::records {
namespace {

using namespace std::chrono_literals;
using testing_support::PostgresEngine;
using testing_support::PostgresServer;
using testing_support::refusal;
using testing_support::ReplicaPair;

constexpr char const* kSyncWaits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

/// A node on one server, whichever that takes itself for.
class Node {
 public:
  explicit Node(PostgresServer const& server)
      : engine_(options(server)), store_(*engine_.database, engine_.metrics) {
    engine_.run(store_.open());
  }

  void declare(Definition definition) { engine_.run(store_.declare(std::move(definition))); }
  void create() {
    JsonObject const empty;
    engine_.run(store_.create(context_, "posts", empty));
  }
  /// A commit, in a session of its own, that nobody has acknowledged.
  std::future<sql::Rows> log_change() {
    auto task = engine_.database->write(sql::Statement(
        "INSERT INTO _changes (collection, record_id, action, record, before, at) VALUES "
        "('posts', 'unsure', 0, '{}', '', '')",
        {}, Clock::now() + 3s));
    return boost::asio::co_spawn(engine_.threads.context(1), std::move(task),
                                 boost::asio::use_future);
  }
  std::vector<Change> changes(Place after, Deadline deadline = kNoDeadline) {
    return engine_.run(store_.changes().after(after, 10, deadline));
  }
  /// As a move carries them over; `is_held`: while it holds all writes.
  std::vector<Touched> touched(Place after, bool is_held, Deadline deadline) {
    ChangeLog log(*engine_.database);
    return engine_.run(log.touched_after(after, 10, is_held, deadline));
  }
  Place last(Deadline deadline = kNoDeadline) {
    return engine_.run(store_.changes().last(deadline)).place;
  }
  Place latest(Deadline deadline = kNoDeadline) {
    return engine_.run(store_.changes().latest(deadline)).place;
  }

 private:
  static sql::postgres::Options options(PostgresServer const& server) {
    sql::postgres::Options options;
    options.url = server.url();
    return options;
  }

  PostgresEngine engine_;
  Store store_;
  Context context_;
};

class ReplicatedLog : public testing::Test {
 protected:
  void SetUp() override {
    if (!testing_support::tests_postgres()) GTEST_SKIP() << "the embedded engine has no standby";
    set = std::make_unique<ReplicaPair>();
    node = std::make_unique<Node>(set->primary);
    node->declare(open_to_all("posts", {text("title")}));
    node->create();
  }

  void wait_for(std::string const& question, std::string const& answer) const {
    auto const end = Clock::now() + 20s;
    while (set->primary.sql(question) != answer) ASSERT_LT(Clock::now(), end) << question;
  }

  std::unique_ptr<ReplicaPair> set;
  std::unique_ptr<Node> node;
};

TEST_F(ReplicatedLog, ShowsNoChangeThatNoStandbyHas) {
  auto const before = node->last();
  set->standby.pause();
  auto unsure = node->log_change();
  wait_for(std::string("SELECT COUNT(*) ") + kSyncWaits, "1");
  set->primary.sql(std::string("SELECT pg_cancel_backend(pid) ") + kSyncWaits);
  EXPECT_TRUE(refusal([&] { unsure.get(); }).commit_in_doubt);
  wait_for("SELECT COUNT(*) FROM _changes WHERE record_id = 'unsure'", "1");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(node->changes(before, Clock::now() + 300ms), sql::Error);
    EXPECT_THROW(node->last(Clock::now() + 300ms), sql::Error);
    EXPECT_THROW(node->touched(before, i == 1, Clock::now() + 300ms), sql::Error);
  }
  set->standby.resume();
  auto const shown = node->changes(before, Clock::now() + 20s);
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].record_id, "unsure");
  EXPECT_EQ(node->last(), shown[0].place);
  for (auto const is_held : {false, true}) {
    auto const touched = node->touched(before, is_held, Clock::now() + 20s);
    ASSERT_EQ(touched.size(), 1U);
    EXPECT_EQ(touched[0].record_id, "unsure");
    EXPECT_EQ(touched[0].place, shown[0].place);
  }
}

/// Nothing is there to be confirmed, so the standby is not needed.
TEST_F(ReplicatedLog, IsReadWithoutAStandbyUpToWhereItWasShown) {
  auto const place = node->last();
  set->standby.pause();
  EXPECT_EQ(node->last(Clock::now() + 20s), place);
  EXPECT_TRUE(node->changes(place, Clock::now() + 20s).empty());
  EXPECT_EQ(node->changes({}, Clock::now() + 20s).size(), 1U);
  set->standby.resume();
}

TEST_F(ReplicatedLog, TellsAReplacedPrimaryFromTheLatest) {
  auto const before = node->last();
  EXPECT_EQ(node->latest(), before);
  set->promote();
  Node other(set->standby);
  other.create();
  EXPECT_GT(other.latest(), before);
  EXPECT_EQ(node->last(Clock::now() + 20s), before) << "the first has not heard of the second";
  EXPECT_THROW(node->latest(Clock::now() + 300ms), sql::Error);
}

}  // namespace
}  // namespace minga::records
