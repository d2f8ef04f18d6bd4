#include "sql/postgres/statements.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace minga::sql::postgres {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::shared_ptr<Prepared> send(Statements& statements, std::string const& sql,
                               Params const& values) {
  auto prepared = statements.find(sql, values);
  prepared->is_sent = true;
  return prepared;
}

TEST(Statements, ArePreparedOnceForATextAndItsTypes) {
  Statements statements(10);
  auto const first = send(statements, "a", {std::int64_t{1}, "x"});
  EXPECT_EQ(statements.find("a", {std::int64_t{2}, "y"}), first);
  EXPECT_NE(statements.find("a", {1.5, "y"}), first);
  EXPECT_NE(statements.find("a", {std::int64_t{2}, true}), first);
  EXPECT_NE(statements.find("b", {std::int64_t{1}, "x"}), first);
}

TEST(Statements, ANullTakesAnyTypeAndGivesWhatTheServerInferred) {
  Statements statements(10);
  auto const integer = send(statements, "a", {std::int64_t{1}});
  EXPECT_EQ(statements.find("a", {Null{}}), integer);
  auto const null = send(statements, "b", {Null{}});
  EXPECT_NE(statements.find("b", {std::int64_t{1}}), null);  // nothing is known yet
  auto const other = send(statements, "c", {Null{}});
  other->inferred = {type::kInt8};
  EXPECT_EQ(statements.find("c", {std::int64_t{1}}), other);
  EXPECT_NE(statements.find("c", {"text"}), other);
}

TEST(Statements, TheLeastRecentlyUsedMakeRoom) {
  Statements statements(2);
  auto const a = send(statements, "a", {});
  auto const b = send(statements, "b", {});
  EXPECT_EQ(statements.find("a", {}), a);
  send(statements, "c", {});
  EXPECT_THAT(statements.take_evicted(), ElementsAre(b->name));
  EXPECT_THAT(statements.take_evicted(), IsEmpty());
  EXPECT_EQ(statements.find("a", {}), a);
  EXPECT_NE(statements.find("b", {}), b);
}

TEST(Statements, WhatIsForgottenIsPreparedAnewUnderAnotherName) {
  Statements statements(10);
  auto const old = send(statements, "a", {});
  statements.forget(*old);
  EXPECT_THAT(statements.take_evicted(), ElementsAre(old->name));
  auto const fresh = statements.find("a", {});
  EXPECT_NE(fresh->name, old->name);
  EXPECT_FALSE(fresh->is_sent);
}

TEST(Statements, AreBoundedForEachText) {
  Statements statements(10);
  for (int bits = 0; bits < 64; ++bits) {
    Params values;
    for (int i = 0; i < 6; ++i)
      values.push_back((bits >> i & 1) != 0 ? Value(1.5) : Value(std::int64_t{1}));
    send(statements, "a", values);
  }
  EXPECT_GE(statements.take_evicted().size(), 50U);
}

}  // namespace
}  // namespace minga::sql::postgres
