#include "support/postgres_test.hpp"

#include <limits>

namespace minga::sql::postgres {
namespace {

class ValuesTest : public PostgresTest {};

TEST_F(ValuesTest, ComeBackAsTheyWent) {
  write("CREATE TABLE kinds (n BIGINT, r DOUBLE PRECISION, t TEXT, b BOOLEAN, x BYTEA)");
  auto const least = std::numeric_limits<std::int64_t>::min();
  auto const tiny = std::numeric_limits<double>::denorm_min();
  Blob const bytes{std::byte{0}, std::byte{255}, std::byte{39}, std::byte{92}};
  for (int i = 0; i < 3; ++i) {  // first in text, then in binary
    write("DELETE FROM kinds");
    write("INSERT INTO kinds VALUES ($1, $2, $3, $4, $5)",
          {least, tiny, "\xE2\x82\xAC'\\", true, bytes});
    auto const rows = read("SELECT n, r, t, b, x FROM kinds");
    EXPECT_EQ(rows.integer(0, 0), least);
    EXPECT_EQ(rows.real(0, 1), tiny);
    EXPECT_EQ(rows.text(0, 2), "\xE2\x82\xAC'\\");
    EXPECT_EQ(rows.integer(0, 3), 1);
    EXPECT_EQ(std::get<Blob>(rows.at(0, 4)), bytes);
  }
}

TEST_F(ValuesTest, NullsAndValuesShareAStatement) {
  for (int i = 0; i < 3; ++i) {
    write("INSERT INTO notes VALUES ($1, $2)", {std::int64_t{i * 2}, Null{}});
    write("INSERT INTO notes VALUES ($1, $2)", {std::int64_t{i * 2 + 1}, std::int64_t{5}});
  }
  EXPECT_EQ(count(), 6);
  EXPECT_EQ(read("SELECT COUNT(*) FROM notes WHERE size IS NULL").integer(0, 0), 3);
}

TEST_F(ValuesTest, NumbersThatTheServerComputesAreNumbers) {
  for (int i = 0; i < 2; ++i) {
    auto const rows = read(
        "SELECT SUM(n), AVG(n), 1::smallint, 2::int, 1.5::real, 'a'::name, 12345678901234567890 "
        "FROM (VALUES (1::bigint), (2)) AS v(n)");
    EXPECT_EQ(rows.integer(0, 0), 3);
    EXPECT_EQ(rows.real(0, 1), 1.5);
    EXPECT_EQ(rows.integer(0, 2), 1);
    EXPECT_EQ(rows.integer(0, 3), 2);
    EXPECT_EQ(rows.real(0, 4), 1.5);
    EXPECT_EQ(rows.text(0, 5), "a");
    EXPECT_EQ(rows.real(0, 6), 12345678901234567890.0);
  }
}

TEST_F(ValuesTest, ViolationsSayWhatWasViolated) {
  write(
      "CREATE TABLE pairs (a BIGINT NOT NULL CHECK (a > 0), \"The B\" TEXT, UNIQUE (a, \"The "
      "B\"))");
  write("CREATE UNIQUE INDEX pairs_lower ON pairs (lower(\"The B\"))");
  write("INSERT INTO pairs VALUES (1, 'x')");
  auto const both = refusal([&] { write("INSERT INTO pairs VALUES (1, 'x')"); });
  EXPECT_EQ(both.code(), ErrorCode::unique_violation);
  EXPECT_EQ(both.columns, (std::vector<std::string>{"a", "The B"}));
  EXPECT_EQ(both.index, "pairs_a_The B_key");
  auto const lower = refusal([&] { write("INSERT INTO pairs VALUES (2, 'X')"); });
  EXPECT_EQ(lower.index, "pairs_lower");
  EXPECT_TRUE(lower.columns.empty());
  EXPECT_EQ(refusal([&] { write("INSERT INTO pairs VALUES (NULL, 'y')"); }).code(),
            ErrorCode::not_null_violation);
  EXPECT_EQ(refusal([&] { write("INSERT INTO pairs VALUES (-1, 'y')"); }).code(),
            ErrorCode::check_violation);
}

}  // namespace
}  // namespace minga::sql::postgres
