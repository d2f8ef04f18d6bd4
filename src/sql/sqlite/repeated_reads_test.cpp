#include "sql/sqlite/repeated_reads.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace minga::sql::sqlite {
namespace {

Rows rows_of(std::vector<Value> values) {
  auto columns = std::make_shared<std::vector<std::string> const>(1, "value");
  return Rows(std::move(columns), std::move(values), 0);
}

Rows one(std::int64_t number) {
  return rows_of({number});
}

TEST(RepeatedReads, AreThoseOfEqualStatements) {
  RepeatedReads reads;
  EXPECT_FALSE(reads.find(Statement("SELECT a", {std::int64_t{1}})));
  reads.keep(Statement("SELECT a", {std::int64_t{1}}), one(11));
  reads.keep(Statement("SELECT a", {std::int64_t{2}}), one(12));
  reads.keep(Statement("SELECT b", {std::int64_t{1}}), one(21));
  EXPECT_EQ(reads.find(Statement("SELECT a", {std::int64_t{1}})).value().integer(0, 0), 11);
  EXPECT_EQ(reads.find(Statement("SELECT a", {std::int64_t{2}})).value().integer(0, 0), 12);
  EXPECT_EQ(reads.find(Statement("SELECT b", {std::int64_t{1}})).value().integer(0, 0), 21);
}

TEST(RepeatedReads, TellEveryTypeOfValueApart) {
  RepeatedReads reads;
  std::vector<Params> const all{{},
                                {Null{}},
                                {false},
                                {std::int64_t{0}},
                                {0.0},
                                {std::string()},
                                {Blob()},
                                {std::string(1, '\0')},
                                {std::string("ab"), std::string("c")},
                                {std::string("a"), std::string("bc")}};
  std::int64_t number = 0;
  for (auto const& values : all) {
    EXPECT_FALSE(reads.find(Statement("SELECT", values))) << number;
    reads.keep(Statement("SELECT", values), one(number++));
  }
  number = 0;
  for (auto const& values : all)
    EXPECT_EQ(reads.find(Statement("SELECT", values)).value().integer(0, 0), number++);
}

TEST(RepeatedReads, OfAVolatileStatementThereAreNone) {
  RepeatedReads reads;
  Statement statement("SELECT a");
  reads.keep(statement, one(1));
  statement.is_volatile = true;
  EXPECT_FALSE(reads.find(statement));
  reads.clear();
  reads.keep(statement, one(1));
  statement.is_volatile = false;
  EXPECT_FALSE(reads.find(statement));
}

TEST(RepeatedReads, ComeNoLaterThanTheStatementMay) {
  RepeatedReads reads;
  reads.keep(Statement("SELECT a"), one(1));
  EXPECT_FALSE(reads.find(Statement("SELECT a", {}, Clock::now() - std::chrono::seconds(1))));
  EXPECT_TRUE(reads.find(Statement("SELECT a", {}, Clock::now() + std::chrono::hours(1))));
}

TEST(RepeatedReads, AreForgottenTogether) {
  RepeatedReads reads;
  reads.keep(Statement("SELECT a"), one(1));
  reads.clear();
  EXPECT_FALSE(reads.find(Statement("SELECT a")));
}

TEST(RepeatedReads, TakeABoundedRoom) {
  RepeatedReads reads;
  reads.keep(Statement("SELECT whole"), rows_of({std::string(RepeatedReads::kMostBytes, 'x')}));
  EXPECT_FALSE(reads.find(Statement("SELECT whole")));
  auto const third = std::string(RepeatedReads::kMostBytes / 3, 'x');
  for (int i = 0; i < 10; ++i) {
    auto const sql = "SELECT " + std::to_string(i);
    reads.keep(Statement(sql), rows_of({third}));
    EXPECT_TRUE(reads.find(Statement(sql)));
  }
  int there = 0;
  for (int i = 0; i < 10; ++i)
    there += reads.find(Statement("SELECT " + std::to_string(i))) ? 1 : 0;
  EXPECT_LE(there, 2);
}

}  // namespace
}  // namespace minga::sql::sqlite
