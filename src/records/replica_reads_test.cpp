// Which reads the store lets standbys answer, and what they must have seen.
#include "records/passing_database.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace minga::records {
namespace {

/// Notes which statements a standby would have been asked for.
class NotingDatabase : public PassingDatabase {
 public:
  using PassingDatabase::PassingDatabase;

  Async<sql::Rows> read(sql::Statement statement) override {
    asked.push_back(statement.replica != nullptr && !statement.replica->is_on_primary);
    if (statement.replica != nullptr) after = statement.replica->after;
    statement.replica = nullptr;  // as if a standby had answered, and not this one server
    return PassingDatabase::read(std::move(statement));
  }

  std::vector<bool> asked;
  sql::Reached after;
};

class ReplicaReadsOfRecords : public testing::Test {
 protected:
  ReplicaReadsOfRecords() : noting(*store.database), store_(noting, store.engine.metrics) {
    store.declare(open_to_all("strict", {text("name")}));
    auto relaxed = open_to_all("relaxed", {text("name"), relation("of", "strict")});
    relaxed.replica_reads = true;
    store.declare(std::move(relaxed));
    id = store.create("strict", R"({"name":"a"})").at("id").as_string();
    store.create("relaxed", JsonObject{{"name", "b"}, {"of", id}});
    store.run(store_.open());
    epoch = store_.changes().epoch();
    context.reads = &reads;
    noting.asked.clear();
  }

  std::vector<bool> list(std::string collection, std::string expand = {}) {
    noting.asked.clear();
    reads = {};
    ListQuery query;
    query.expand = std::move(expand);
    EXPECT_EQ(store.run(store_.list(context, collection, query)).items.size(), 1U);
    return noting.asked;
  }

  TestStore store;
  NotingDatabase noting;
  Store store_;
  Context context;
  sql::ReplicaReads reads;
  std::string id, epoch;
};

using Asked = std::vector<bool>;

TEST_F(ReplicaReadsOfRecords, AreTheCollectionsChoice) {
  EXPECT_EQ(list("strict"), Asked{false});
  EXPECT_EQ(list("relaxed"), Asked{true});
  // What is newer than any standby goes with what is newer.
  EXPECT_EQ(list("relaxed", "of"), (Asked{true, false}));
  EXPECT_EQ(list("strict", "relaxed_via_of"), (Asked{false, false}));
}

TEST_F(ReplicaReadsOfRecords, AreTheRequestsChoiceFirst) {
  context.prefers_replica = true;
  EXPECT_EQ(list("strict"), Asked{true});
  EXPECT_EQ(list("relaxed", "of"), (Asked{true, true}));
  context.prefers_replica = false;
  EXPECT_EQ(list("relaxed"), Asked{false});
  context.prefers_replica = true;
  context.reads = nullptr;
  EXPECT_EQ(list("relaxed"), Asked{false}) << "a request that may write";
}

TEST_F(ReplicaReadsOfRecords, AreThePrimarysAfterAWriteOfTheRequest) {
  context.prefers_replica = true;
  store.run(store_.update(context, "strict", id, JsonObject{{"name", "c"}}));
  EXPECT_EQ(list("strict"), Asked{false});
}

TEST_F(ReplicaReadsOfRecords, AskForWhatThePositionSays) {
  context.prefers_replica = true;
  context.after = Position{epoch, {12, 7, 15, 2}};
  EXPECT_EQ(list("strict"), Asked{true});
  EXPECT_EQ(noting.after.all_until, 12);
  EXPECT_EQ(noting.after.own, 15);
  EXPECT_EQ(noting.after.timeline, 2);
  context.after = Position{"another", {12, 7, 15}};
  EXPECT_EQ(list("strict"), Asked{false}) << "a position that nobody knows";
}

TEST_F(ReplicaReadsOfRecords, AskForItOnThePrimaryToo) {
  context.after = Position{epoch, {12, 7, 15}};
  EXPECT_EQ(list("strict"), Asked{false});
  EXPECT_EQ(noting.after.all_until, 12);
  EXPECT_EQ(noting.after.own, 15);
  noting.after = {};
  context.after = Position{"another", {12, 7, 15}};
  EXPECT_EQ(list("strict"), Asked{false});
  EXPECT_TRUE(noting.after.is_nothing());
}

Async<void> stay_open(sql::Transaction& transaction) {
  co_await transaction.execute(sql::Statement("SELECT pg_current_xact_id()::text::bigint"));
  co_await transaction.execute(sql::Statement("SELECT pg_sleep(2)"));
}

/// Its writes end without their rows, as those do whose commit was cut off and then found.
class RowlessDatabase : public PassingDatabase {
 public:
  using PassingDatabase::PassingDatabase;

  Async<std::vector<sql::Rows>> write_all(std::vector<sql::Statement> statements) override {
    co_await PassingDatabase::write_all(std::move(statements));
    sql::Error error(sql::ErrorCode::connection_lost, "The connection is lost.");
    error.is_committed = true;
    throw error;
  }
};

TEST(Positions, OfWritesNameTheirTransactionWhileAnOlderOneIsOpen) {
  TestStore store;
  if (store.database->is_exclusive()) GTEST_SKIP() << "the embedded engine has one writer";
  store.declare(open_to_all("posts", {text("title")}));
  auto const position_by = [&](Store& each) {
    Context context;
    store.run(each.create(context, "posts", JsonObject{{"title", "a"}}));
    return Position::parse(context.position).value();
  };
  auto const position_of_write = [&] {
    return position_by(*store.store);
  };
  RowlessDatabase rowless(*store.database);
  Store without_rows(rowless, store.engine.metrics);
  store.run(without_rows.open());
  auto const before = position_of_write();
  EXPECT_EQ(before.place.own, 0);
  auto older = store.start(store.database->transact(stay_open, kNoDeadline), 1);
  auto const is_open = [&] {
    auto const& server = testing_support::PostgresServer::shared();
    return server.sql(
               "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' AND datname = "
               "current_database() AND query = 'SELECT pg_sleep(2)'",
               store.engine.database_name()) == "1";
  };
  auto const end = Clock::now() + std::chrono::seconds{20};
  while (!is_open()) ASSERT_LT(Clock::now(), end);
  auto const during = position_of_write();
  EXPECT_GT(during.place.own, before.place.transaction);
  EXPECT_LE(during.place, before.place) << "others may come before it";
  EXPECT_GT(position_by(without_rows).place.own, during.place.own);
  older.get();
  auto const after = position_of_write();
  EXPECT_EQ(after.place.own, 0);
  EXPECT_GT(after.place.transaction, during.place.own);
}

}  // namespace
}  // namespace minga::records
