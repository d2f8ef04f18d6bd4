#include "sql/sqlite/checkpoints.hpp"

#include "support/sqlite_test.hpp"

namespace minga::sql::sqlite {
namespace {

using testing_support::FaultyVfs;
using File = FaultyVfs::File;
using Call = FaultyVfs::Call;

class CheckpointsTest : public SqliteTest {
 protected:
  CheckpointsTest() : SqliteTest(small_log()) {}

  static Options small_log() {
    Options options;
    options.checkpoint_pages = 100;
    return options;
  }
  std::int64_t database_syncs() const { return vfs_.calls(File::database, Call::sync); }
  /// Some 13 pages each.
  void insert_large(std::int64_t from, std::int64_t count) {
    for (auto id = from; id < from + count; ++id)
      write("INSERT INTO notes (id, body) VALUES ($1, zeroblob(50000))", {id});
  }
};

TEST_F(CheckpointsTest, LetTheLogBeginAnew) {
  auto const log = engine_.file().string() + "-wal";
  insert_large(0, 200);  // 10 MB
  EXPECT_GT(database_syncs(), 2);
  EXPECT_LT(std::filesystem::file_size(log), 4'000'000U);
}

TEST_F(CheckpointsTest, AReaderThatHoldsItUpDoesNotSlowEveryCommit) {
  insert(1'000'000);
  Connection reader(engine_.file(), Access::read_only, Options{});
  reader.execute("BEGIN");
  EXPECT_EQ(reader.query_text("SELECT COUNT(*) FROM notes"), "1");
  auto const syncs = database_syncs();
  insert_large(0, 150);
  EXPECT_LT(database_syncs() - syncs, 30);
  EXPECT_EQ(reader.query_text("SELECT COUNT(*) FROM notes"), "1");
  reader.execute("COMMIT");
  insert_large(150, 10);
  EXPECT_EQ(ids().size(), 161U);
  EXPECT_EQ(integrity(), "ok");
}

TEST_F(CheckpointsTest, ACheckpointThatFailsLosesNothing) {
  vfs_.inject({File::database, Call::write, SQLITE_IOERR_WRITE});
  insert_large(0, 50);
  EXPECT_GT(vfs_.failures(), 0);
  EXPECT_EQ(ids().size(), 50U);
  vfs_.heal();
  auto const syncs = database_syncs();
  insert_large(50, 50);
  EXPECT_GT(database_syncs(), syncs) << "nothing was copied any more";
  reopen();
  EXPECT_EQ(ids().size(), 100U);
  EXPECT_EQ(integrity(), "ok");
}

TEST_F(CheckpointsTest, AFullDiskAtTheLastCheckpointLosesNothing) {
  insert_large(0, 5);
  vfs_.inject({File::database, Call::write, SQLITE_FULL});
  engine_.close();
  EXPECT_GT(vfs_.failures(), 0);
  vfs_.heal();
  engine_.open();
  EXPECT_EQ(ids().size(), 5U);
  EXPECT_EQ(integrity(), "ok");
}

/// A reader let the log grow until the disk was full: once it is gone the log's own room is enough.
TEST_F(CheckpointsTest, MakeRoomOnAFullDisk) {
  insert_large(1, 1);
  reopen();  // the database has its pages already
  Connection reader(engine_.file(), Access::read_only, Options{});
  reader.execute("BEGIN");
  EXPECT_EQ(reader.query_text("SELECT COUNT(*) FROM notes"), "1");
  auto const update = [this] {
    write("UPDATE notes SET body = randomblob(50000)");
  };
  for (int i = 0; i < 50; ++i) update();
  vfs_.leave_space(100'000);
  int done = 0;
  auto const error = refusal([&] {
    for (; done < 100; ++done) update();
  });
  EXPECT_EQ(error.code(), ErrorCode::full);
  reader.execute("COMMIT");

  auto const succeeds = [&] {
    try {
      update();
      return true;
    } catch (Error const&) {
      return false;
    }
  };
  // With the first it may only see that the reader is gone.
  EXPECT_TRUE(succeeds() || succeeds());
  for (int i = 0; i < 100; ++i) update();
  EXPECT_EQ(ids(), Ids{1});
  EXPECT_EQ(integrity(), "ok");
}

}  // namespace
}  // namespace minga::sql::sqlite
