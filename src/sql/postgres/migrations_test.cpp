// What the engine puts into a database of its own accord, and who has to be allowed to.
#include "sql/migrations.hpp"

#include "sql/postgres/dialect.hpp"
#include "sql/postgres/functions.hpp"
#include "support/postgres_test.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresEngine;
using testing_support::PostgresServer;

class MigrationsTest : public PostgresTest {
 protected:
  /// An engine of one who may read and write all there is, and make nothing.
  Options of_a_user_who_makes_nothing() {
    role_ = fmt::format("{}_user", engine_.name());
    psql(fmt::format("CREATE ROLE {} LOGIN", role_));
    psql(fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
                     role_));
    Options options;
    options.url = fmt::format("postgresql://{}@127.0.0.1:{}/{}", role_,
                              PostgresServer::shared().port(), engine_.name());
    return options;
  }
  void TearDown() override {
    if (!role_.empty()) psql(fmt::format("DROP OWNED BY {0}; DROP ROLE {0}", role_));
  }
  std::string steps() {
    return psql("SELECT string_agg(name, ',' ORDER BY number DESC) FROM _migrations");
  }

 private:
  std::string role_;
};

std::string names_of_steps() {
  std::string names;
  for (auto const& step : dialect().own_steps()) names += (names.empty() ? "" : ",") + step.name;
  return names;
}

TEST_F(MigrationsTest, OneWhoMayMakeNothingUsesWhatIsThere) {
  engine_.run(migrate(*engine_.database, {}));
  PostgresEngine user(of_a_user_who_makes_nothing());
  EXPECT_NO_THROW(user.run(migrate(*user.database, {})));
  auto const lower = fmt::format("SELECT {}", dialect().lower("'ABC'::text"));
  EXPECT_EQ(user.run(user.database->read(Statement(lower))).text(0, 0), "abc");
  user.close();
}

TEST_F(MigrationsTest, OneWhoMayMakeNothingIsToldOnAnEmptyDatabase) {
  PostgresEngine user(of_a_user_who_makes_nothing());
  auto const error = refusal([&] { user.run(migrate(*user.database, {})); });
  EXPECT_NE(std::string(error.what()).find("permission denied"), std::string::npos) << error.what();
  user.close();
}

TEST_F(MigrationsTest, ADatabaseFromBeforeStepsWereRecordedIsTakenOver) {
  for (auto const& all : {functions(), filter_functions()}) {
    for (auto const& sql : all) write(sql);
  }
  write("CREATE TABLE _migrations (number BIGINT PRIMARY KEY, name TEXT, applied TEXT)");
  write("INSERT INTO _migrations VALUES (1, 'first', '')");
  auto const first = [](Dialect const&) {
    return std::vector<std::string>{"THIS WAS DONE BEFORE"};
  };
  std::vector<Migration> const migrations{{1, "first", first}};
  engine_.run(migrate(*engine_.database, migrations));
  EXPECT_EQ(steps(), "first," + names_of_steps());
}

TEST_F(MigrationsTest, StepsAreTakenOnce) {
  engine_.run(migrate(*engine_.database, {}));
  auto const before =
      psql("SELECT string_agg(xmin::text, ',') FROM pg_proc WHERE proname ~ '^minga'");
  engine_.run(migrate(*engine_.database, {}));
  EXPECT_EQ(psql("SELECT string_agg(xmin::text, ',') FROM pg_proc WHERE proname ~ '^minga'"),
            before);
  EXPECT_EQ(steps(), names_of_steps());
}

std::string digest_of(Dialect::Step const& step) {
  std::string text;
  for (auto const& sql : step.statements) text += sql + '\0';
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return fmt::format("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
}

/// A database that has taken a step never takes it again: a change to it needs a step of its own.
TEST(Steps, ThatWereReleasedStayAsTheyWere) {
  std::vector<std::string> const released{"functions 3e656e90", "writers 638894b4",
                                          "timeline of writers 3ea588b1"};
  auto const steps = dialect().own_steps();
  ASSERT_EQ(steps.size(), released.size());
  for (std::size_t i = 0; i < released.size(); ++i)
    EXPECT_EQ(fmt::format("{} {}", steps[i].name, digest_of(steps[i])), released[i]);
}

}  // namespace
}  // namespace minga::sql::postgres
