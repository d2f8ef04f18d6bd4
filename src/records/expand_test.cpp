// How relations are read: what is expanded, and by how many statements.
#include "records/passing_database.hpp"
#include "records/store_testing.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

namespace minga::records {
namespace {

/// Counts the reads that pass through it.
class CountingDatabase : public PassingDatabase {
 public:
  using PassingDatabase::PassingDatabase;

  Async<sql::Rows> read(sql::Statement statement) override {
    ++reads;
    return PassingDatabase::read(std::move(statement));
  }

  std::atomic<int> reads = 0;
};

constexpr int kPeople = 600;

std::string id_of(int number) {
  return fmt::format("{:015}", number);
}

class ExpandReads : public testing::Test {
 protected:
  ExpandReads() : counting(*store.database), store_(counting, store.engine.metrics) {
    store.declare(open_to_all("towns", {text("name")}));
    store.declare(open_to_all("people", {text("name"), relation("town", "towns")}));
    store.declare(open_to_all("teams", {text("name"), relation("members", "people").many(1'000),
                                        relation("lead", "people"), relation("home", "towns")}));
    std::vector<JsonObject> towns, people;
    for (int i = 0; i < 10; ++i) towns.push_back({{"id", id_of(i)}, {"name", std::to_string(i)}});
    for (int i = 0; i < kPeople; ++i)
      people.push_back({{"id", id_of(i)}, {"name", std::to_string(i)}, {"town", id_of(i % 10)}});
    store.run(store.store->create_many(store.context, "towns", towns));
    store.run(store.store->create_many(store.context, "people", people));
    store.run(store_.open());
  }

  /// A team of the people [first, last), led by one of them.
  void add_team(int first, int last, int lead) {
    JsonArray members;
    for (int i = last - 1; i >= first; --i) members.emplace_back(id_of(i));
    store.create("teams", JsonObject{{"name", std::to_string(first)},
                                     {"members", std::move(members)},
                                     {"lead", id_of(lead)},
                                     {"home", id_of(1)}});
  }
  /// The teams with what is expanded; the statements beyond the list's own are left in `reads`.
  JsonArray teams(std::string expand) {
    ListQuery query;
    query.expand = std::move(expand);
    query.sort = "name";
    query.skip_total = true;
    counting.reads = 0;
    auto page = store.run(store_.list(store.context, "teams", std::move(query)));
    reads = counting.reads - 1;
    return std::move(page.items);
  }

  TestStore store;
  CountingDatabase counting;
  int reads = 0;

 private:
  Store store_;
};

std::string name_of(Json const& record) {
  return text_of(record.as_object(), "name");
}

TEST_F(ExpandReads, ReadsALevelOfOneCollectionByOneStatement) {
  for (int i = 0; i < 30; ++i) add_team(i, i + 3, i + 5);
  auto const found = teams("members,lead.town,home");
  EXPECT_EQ(reads, 3) << "people of both fields, towns of the homes, towns of the leads";
  ASSERT_EQ(found.size(), 30U);
  for (auto const& team : found) {
    auto const first = std::stoi(name_of(team));
    auto const& expanded = team.at("expand").as_object();
    auto const& members = expanded.at("members").as_array();
    ASSERT_EQ(members.size(), 3U);
    for (int i = 0; i < 3; ++i) {
      auto const& member = members.at(static_cast<std::size_t>(i));
      EXPECT_EQ(name_of(member), std::to_string(first + 2 - i)) << "in the field's order";
      EXPECT_FALSE(member.as_object().contains("expand")) << "asked for below the lead alone";
    }
    auto const& lead = expanded.at("lead");
    EXPECT_EQ(name_of(lead), std::to_string(first + 5));
    EXPECT_EQ(name_of(lead.at("expand").at("town")), std::to_string((first + 5) % 10));
    EXPECT_EQ(name_of(expanded.at("home")), "1");
  }
}

TEST_F(ExpandReads, ReadsManyIdsInPieces) {
  add_team(0, kPeople, 0);
  auto const found = teams("members");
  EXPECT_EQ(reads, 3) << "256 ids in each";
  auto const& members = found.at(0).at("expand").at("members").as_array();
  ASSERT_EQ(members.size(), static_cast<std::size_t>(kPeople));
  for (int i = 0; i < kPeople; ++i)
    EXPECT_EQ(name_of(members.at(static_cast<std::size_t>(i))), std::to_string(kPeople - 1 - i));
}

TEST_F(ExpandReads, ReadsNothingWhereNothingIsReferredTo) {
  store.create("teams", JsonObject{{"name", "alone"}});
  EXPECT_FALSE(teams("members.town,lead,home").at(0).as_object().contains("expand"));
  EXPECT_EQ(reads, 0);
}

}  // namespace
}  // namespace minga::records
