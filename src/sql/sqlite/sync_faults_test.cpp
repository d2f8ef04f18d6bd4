// A sync that fails ends the process; what was acknowledged is there when the next one opens the
// file. And what a power cut leaves.
#include "support/sqlite_test.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <fstream>
#include <future>
#include <mutex>
#include <unistd.h>

namespace minga::sql::sqlite {
namespace {

using testing_support::FaultyVfs;
using testing_support::SqliteEngine;
using testing_support::TemporaryFolder;
using File = FaultyVfs::File;
using Call = FaultyVfs::Call;

constexpr char const* kInsert = "INSERT INTO notes (id, body) VALUES ($1, zeroblob($2))";

/// A folder of the test's process that its child, which begins the test anew, uses too.
class SharedFolder {
 public:
  SharedFolder()
      : is_child_(begins_anew()),
        path_(std::filesystem::temp_directory_path() /
              fmt::format("minga-test-{}", is_child_ ? ::getppid() : ::getpid())) {
    if (!is_child_) std::filesystem::create_directory(path_);
  }
  ~SharedFolder() {
    if (!is_child_) std::filesystem::remove_all(path_);
  }
  SharedFolder(SharedFolder const&) = delete;
  SharedFolder& operator=(SharedFolder const&) = delete;
  std::filesystem::path const& path() const { return path_; }

 private:
  static bool begins_anew() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    return testing::internal::InDeathTestChild();
  }

  bool is_child_;
  std::filesystem::path path_;
};

class SyncFaultsTest : public testing::Test {
 protected:
  Options options(std::string vfs = {}) const {
    Options options;
    options.file = folder_.path() / "notes.db";
    options.vfs = std::move(vfs);
    options.checkpoint_pages = 100;
    return options;
  }

  void insert(SqliteEngine& engine, std::int64_t id, std::int64_t size) const {
    Statement statement(kInsert, {id, size});
    engine.run(engine.database->write(std::move(statement)));
    std::ofstream(acknowledged(), std::ios::app) << id << '\n';
  }

  /// Inserts ten notes, then one after another while the fault is there, then closes. Returns only
  /// when nothing has ended the process.
  void write_with(FaultyVfs::Fault fault, std::int64_t size) const {
    FaultyVfs vfs;
    SqliteEngine engine(options(vfs.name()));
    engine.run(engine.database->write(
        Statement("CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB)")));
    for (std::int64_t id = 1; id <= 10; ++id) insert(engine, id, 10);
    vfs.inject(fault);
    for (std::int64_t id = 11; id <= 50; ++id) insert(engine, id, size);
    engine.close();
  }

  void expect_acknowledged_there(std::size_t at_least) const {
    SqliteEngine engine(options());
    EXPECT_EQ(check_integrity(engine), "ok");
    auto const there = read_ids(engine);
    std::ifstream file(acknowledged());
    std::size_t count = 0;
    for (std::int64_t id = 0; file >> id; ++count) EXPECT_TRUE(there.contains(id)) << id;
    EXPECT_GE(count, at_least);
  }

 private:
  std::filesystem::path acknowledged() const { return folder_.path() / "acknowledged"; }

  SharedFolder folder_;
};

using SyncFaultsDeathTest = SyncFaultsTest;

TEST_F(SyncFaultsDeathTest, OfACommitEndsTheProcess) {
  EXPECT_EXIT(write_with({File::log, Call::sync, SQLITE_IOERR_FSYNC}, 10),
              testing::ExitedWithCode(70), "did not confirm a write");
  expect_acknowledged_there(10);
}

TEST_F(SyncFaultsDeathTest, OfACheckpointEndsTheProcess) {
  EXPECT_EXIT(write_with({File::database, Call::sync, SQLITE_IOERR_FSYNC}, 100'000),
              testing::ExitedWithCode(70), "did not confirm a write");
  expect_acknowledged_there(11);
}

TEST_F(SyncFaultsDeathTest, OfTheLastCheckpointEndsTheProcessToo) {
  // Too little for a checkpoint before the database is closed.
  EXPECT_EXIT(write_with({File::database, Call::sync, SQLITE_IOERR_FSYNC}, 10),
              testing::ExitedWithCode(70), "did not confirm a write");
  expect_acknowledged_there(50);
}

Async<void> try_insert(Transaction& transaction, std::int64_t id, int& refused) {
  Statement statement(kInsert, {id, std::int64_t{1'000'000}});
  try {
    co_await transaction.execute(std::move(statement));
  } catch (Error const&) {
    ++refused;
  }
}

/// More than SQLite's cache holds: the log is begun, and its beginning synced, before the commit.
Async<void> insert_without_care(Transaction& transaction) {
  int refused = 0;  // this body does not care
  for (std::int64_t id = 11; id < 61; ++id) co_await try_insert(transaction, id, refused);
}

TEST_F(SyncFaultsDeathTest, WithinABodyThatCatchesItEndsTheProcess) {
  auto const run = [this] {
    FaultyVfs vfs;
    SqliteEngine engine(options(vfs.name()));
    engine.run(engine.database->write(
        Statement("CREATE TABLE notes (id INTEGER PRIMARY KEY, body BLOB)")));
    for (std::int64_t id = 1; id <= 10; ++id) insert(engine, id, 10);
    engine.close();
    engine.open();  // with an empty log
    vfs.inject({File::log, Call::sync, SQLITE_IOERR_FSYNC, 0, 1});
    engine.run(engine.database->transact(insert_without_care));
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(70), "did not confirm a write");
  expect_acknowledged_there(10);
}

/// What was acknowledged, from any thread.
class Acknowledged {
 public:
  void add(std::int64_t id) {
    std::lock_guard const lock(mutex_);
    ids_.insert(id);
  }
  Ids ids() const {
    std::lock_guard const lock(mutex_);
    return ids_;
  }

 private:
  mutable std::mutex mutex_;
  Ids ids_;
};

Async<void> insert_many(Database& database, std::int64_t from, std::int64_t count,
                        Acknowledged& acknowledged) {
  for (auto id = from; id < from + count; ++id) {
    Params values{id, std::int64_t{5'000}};
    Statement statement(kInsert, std::move(values));
    co_await database.write(std::move(statement));
    acknowledged.add(id);
  }
}

class PowerCutTest : public SqliteTest {
 protected:
  PowerCutTest() : SqliteTest(small_log()) {}

 private:
  static Options small_log() {
    Options options;
    options.checkpoint_pages = 200;  // so that cuts fall into checkpoints too
    return options;
  }
};

TEST_F(PowerCutTest, LosesNothingThatWasAcknowledged) {
  Acknowledged acknowledged;
  std::vector<std::future<void>> writers;
  for (std::size_t i = 0; i < 8; ++i) {
    auto task =
        insert_many(*engine_.database, static_cast<std::int64_t>(i) * 1'000, 150, acknowledged);
    writers.push_back(boost::asio::co_spawn(engine_.threads.context(i % 2), std::move(task),
                                            boost::asio::use_future));
  }
  for (std::size_t wanted = 50; wanted <= 1'000; wanted += 50) {
    while (acknowledged.ids().size() < wanted) std::this_thread::yield();
    auto const before = acknowledged.ids();
    TemporaryFolder folder;
    vfs_.cut_power(folder.path());
    Options options;
    options.file = folder.path() / engine_.file().filename();
    SqliteEngine after(options);
    EXPECT_EQ(check_integrity(after), "ok");
    auto const there = read_ids(after);
    for (auto const id : before) EXPECT_TRUE(there.contains(id)) << id;
  }
  for (auto& writer : writers) writer.get();
}

}  // namespace
}  // namespace minga::sql::sqlite
