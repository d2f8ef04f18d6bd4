#include "sql/postgres/errors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minga::sql::postgres {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Errors, FindTheColumnsOfAKeyInAnyLanguage) {
  EXPECT_THAT(columns_of_key("Key (title)=(one) already exists."), ElementsAre("title"));
  EXPECT_THAT(columns_of_key("Ya existe la llave (a, b)=(1, x)=(y)."), ElementsAre("a", "b"));
  EXPECT_THAT(columns_of_key(R"(Key ("Order", "a b", n)=(1, 2, 3) already exists.)"),
              ElementsAre("Order", "a b", "n"));
}

TEST(Errors, GuessNoColumnOfAnExpression) {
  EXPECT_THAT(columns_of_key("Key (lower(title))=(one) already exists."), IsEmpty());
  EXPECT_THAT(columns_of_key("Key (a, (b || ')'::text))=(1, x) already exists."), IsEmpty());
  EXPECT_THAT(columns_of_key("Key (a"), IsEmpty());
  EXPECT_THAT(columns_of_key("Key ((("), IsEmpty());
  EXPECT_THAT(columns_of_key("Key (\""), IsEmpty());
  EXPECT_THAT(columns_of_key(""), IsEmpty());
}

TEST(Errors, KnowWhatASqlstateMeans) {
  EXPECT_EQ(code_of("23505"), ErrorCode::unique_violation);
  EXPECT_EQ(code_of("40P01"), ErrorCode::serialization_failure);
  EXPECT_EQ(code_of("53100"), ErrorCode::full);
  EXPECT_EQ(code_of("57P01"), ErrorCode::connection_lost);
  EXPECT_EQ(code_of("08006"), ErrorCode::connection_lost);
  EXPECT_EQ(code_of("28P01"), ErrorCode::refused);
  EXPECT_EQ(code_of("42P01"), ErrorCode::syntax);
  EXPECT_EQ(code_of("22P02"), ErrorCode::other);
}

}  // namespace
}  // namespace minga::sql::postgres
