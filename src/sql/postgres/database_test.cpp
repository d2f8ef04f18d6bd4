#include "sql/migrations.hpp"
#include "support/postgres_test.hpp"

#include <fmt/format.h>

#include <fstream>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresEngine;
using testing_support::PostgresServer;

class DatabaseTest : public PostgresTest {};

TEST_F(DatabaseTest, SaysHowDurableItIs) {
  engine_.run(engine_.database->check_writable(Clock::now() + 10s));
  auto const said = engine_.database->durability();
  EXPECT_TRUE(said.starts_with("PostgreSQL 15.")) << said;
  EXPECT_NE(said.find("synchronous_commit=on, fsync=off, synchronous standbys: 0"),
            std::string::npos)
      << said;
}

TEST_F(DatabaseTest, ABackupIsRestoredByPgRestore) {
  for (std::int64_t id = 1; id <= 100; ++id) insert(id);
  auto const file = engine_.folder() / "copy";
  engine_.run(engine_.database->backup(file));
  insert(101);
  auto& server = PostgresServer::shared();
  auto const name = server.create_database();
  auto const command = fmt::format("/usr/lib/postgresql/15/bin/pg_restore -d '{}' '{}'",
                                   server.url(name), file.string());
  ASSERT_EQ(testing_support::run_shell(command), 0);
  EXPECT_EQ(server.sql("SELECT COUNT(*) FROM notes", name), "100");
  server.drop_database(name);
  auto const again = refusal([&] { engine_.run(engine_.database->backup(file)); });
  EXPECT_NE(std::string(again.what()).find("exists"), std::string::npos);
}

TEST_F(DatabaseTest, ABackupThatFailsLeavesNoFile) {
  psql("CREATE ROLE weak LOGIN");
  PostgresEngine weak([&] {
    Options options;
    options.url = fmt::format("postgresql://weak@127.0.0.1:{}/{}", PostgresServer::shared().port(),
                              engine_.name());
    return options;
  }());
  auto const file = engine_.folder() / "copy";
  auto const error = refusal([&] { weak.run(weak.database->backup(file)); });
  EXPECT_NE(std::string(error.what()).find("permission denied"), std::string::npos) << error.what();
  EXPECT_TRUE(std::filesystem::is_empty(engine_.folder()));
  weak.close();
  psql("DROP ROLE weak");
}

TEST_F(DatabaseTest, TwoNodesMigrateAtOnce) {
  std::vector<Migration> migrations;
  for (int i = 1; i <= 5; ++i) {
    auto make = [i](Dialect const& dialect) {
      return std::vector<std::string>{
          fmt::format("CREATE TABLE step_{} (id {})", i, dialect.integer_type())};
    };
    migrations.push_back({i, fmt::format("step {}", i), make});
  }
  PostgresEngine other(engine_.options);
  std::vector<std::future<void>> all;
  for (std::size_t i = 0; i < 4; ++i) {
    all.push_back(start(migrate(*engine_.database, migrations), i % 2));
    all.push_back(boost::asio::co_spawn(other.threads.context(i % 2),
                                        migrate(*other.database, migrations),
                                        boost::asio::use_future));
  }
  for (auto& each : all) EXPECT_NO_THROW(each.get());
  EXPECT_EQ(psql("SELECT COUNT(*) FROM _migrations WHERE number > 0"), "5");
}

TEST_F(DatabaseTest, AFullDiskIsSaid) {
  // What a server without room says; a quota of a tablespace is not to be had here.
  psql(
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
      "'could not extend file' USING ERRCODE = 'disk_full'; END $$");
  psql("CREATE TRIGGER full_disk BEFORE INSERT ON notes EXECUTE FUNCTION full_disk()");
  auto const error = refusal([&] { insert(1); });
  EXPECT_EQ(error.code(), ErrorCode::full);
}

/// With TLS a whole record may be deciphered while libpq asks for a part of it.
void expect_whole_results(std::string const& url) {
  Options options;
  options.url = url;
  PostgresEngine engine(options);
  for (int i = 0; i < 3; ++i) {
    Statement question("SELECT repeat('x', 1000000), g FROM generate_series(1, 20) AS g", {},
                       Clock::now() + 30s);
    auto const rows = engine.run(engine.database->read(std::move(question)));
    ASSERT_EQ(rows.size(), 20U);
    EXPECT_EQ(rows.text(19, 0).size(), 1'000'000U);
  }
}

TEST(Tls, IsLibpqsOwn) {
  testing_support::TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  auto const certificate = [&](std::string const& name) {
    auto const command = fmt::format(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
        "subjectAltName=DNS:localhost -keyout {0}/{1}.key -out {0}/{1}.crt 2>/dev/null",
        folder.path().string(), name);
    ASSERT_EQ(testing_support::run_shell(command), 0);
  };
  certificate("server");
  certificate("other");
  PostgresServer server;
  server.give("server.key", folder.path() / "server.key");
  server.give("server.crt", folder.path() / "server.crt");
  server.sql("ALTER SYSTEM SET ssl = on");
  server.reload();
  server.allow_by("hostnossl all all 127.0.0.1/32 reject");
  auto const ask = [&](std::string const& settings) -> std::string {
    Options options;
    options.url =
        fmt::format("postgresql://postgres@localhost:{}/postgres?{}", server.port(), settings);
    PostgresEngine engine(options);
    Statement question("SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()", {},
                       Clock::now() + 10s);
    try {
      return engine.run(engine.database->read(std::move(question))).text(0, 0);
    } catch (Error const& error) {
      return name(error.code());
    }
  };
  auto const root = "sslrootcert=" + folder.path().string();
  EXPECT_EQ(ask("sslmode=require"), "true");
  EXPECT_EQ(ask("sslmode=verify-full&" + root + "/server.crt"), "true");
  EXPECT_EQ(ask("sslmode=verify-full&" + root + "/other.crt"), "refused");
  EXPECT_EQ(ask("sslmode=verify-full&" + root + "/nothing.crt"), "refused");
  EXPECT_EQ(ask("sslmode=disable"), "refused");
  expect_whole_results(
      fmt::format("postgresql://postgres@localhost:{}/postgres?sslmode=require", server.port()));
}

TEST_F(DatabaseTest, LargeResultsComeWhole) {
  expect_whole_results(engine_.options.url);
}

}  // namespace
}  // namespace minga::sql::postgres
