// What the engine does when the disk does not do its part.
#include "support/sqlite_test.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace minga::sql::sqlite {
namespace {

using testing::HasSubstr;
using testing_support::FaultyVfs;
using testing_support::SqliteEngine;
using File = FaultyVfs::File;
using Call = FaultyVfs::Call;

constexpr char const* kInsertLarge = "INSERT INTO notes (id, body) VALUES ($1, zeroblob($2))";

class FaultsTest : public SqliteTest {
 protected:
  FaultsTest() {
    for (std::int64_t id = 1; id <= 10; ++id) insert(id);
  }

  /// Writes fail with `code` while `fault` is there, reads go on, and afterwards all is well.
  void expect_refused_then_healed(ErrorCode code) {
    auto const before = ids();
    auto const error = refusal([&] { insert(11); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_TRUE(error.connection_usable);
    auto const check = [&] {
      engine_.run(engine_.database->check_writable(Clock::now() + std::chrono::seconds(10)));
    };
    EXPECT_EQ(refusal(check).code(), code);
    EXPECT_EQ(ids(), before);
    vfs_.heal();
    EXPECT_NO_THROW(check());
    insert(11);
    expect_whole_after_reopening(11);
  }

  void expect_whole_after_reopening(std::int64_t last) {
    Ids expected;
    for (std::int64_t id = 1; id <= last; ++id) expected.insert(id);
    EXPECT_EQ(ids(), expected);
    EXPECT_EQ(integrity(), "ok");
    reopen();
    EXPECT_EQ(ids(), expected);
    EXPECT_EQ(integrity(), "ok");
  }
};

TEST_F(FaultsTest, AFullDiskRefusesWritesUntilThereIsSpace) {
  vfs_.fill_disk();
  EXPECT_TRUE(refusal([&] { insert(11); }).retryable);
  expect_refused_then_healed(ErrorCode::full);
}

TEST_F(FaultsTest, AnIoErrorRefusesWritesUntilItIsGone) {
  vfs_.inject({File::log, Call::write, SQLITE_IOERR_WRITE});
  expect_refused_then_healed(ErrorCode::io);
}

TEST_F(FaultsTest, AReadOnlyDiskRefusesWritesUntilItIsWritable) {
  vfs_.inject({File::log, Call::write, SQLITE_READONLY});
  expect_refused_then_healed(ErrorCode::read_only);
}

TEST_F(FaultsTest, AReadThatMeetsAnIoErrorFailsAlone) {
  reopen();  // nothing in any cache
  vfs_.inject({File::database, Call::read, SQLITE_IOERR_READ});
  EXPECT_EQ(refusal([&] { ids(); }).code(), ErrorCode::io);
  vfs_.heal();
  expect_whole_after_reopening(10);
}

/// Rows of several pages each, so that a commit is many writes.
Async<void> insert_three(Transaction& transaction, std::int64_t first) {
  for (std::int64_t id = first; id < first + 3; ++id) {
    Params values{id, std::int64_t{20'000}};
    Statement statement(kInsertLarge, std::move(values));
    co_await transaction.execute(std::move(statement));
  }
}

/// Lets one call after another fail, once each, until a transaction meets no failure any more.
class SweepTest : public FaultsTest {
 protected:
  void sweep(File file, Call call, int code) {
    auto expected = ids();
    for (std::int64_t after = 0;; ++after) {
      ASSERT_LT(after, 200);
      auto const failures = vfs_.failures();
      auto const first = 1'000 + after * 3;
      vfs_.inject({file, call, code, after, 1});
      TransactionBody const body = [first](Transaction& transaction) {
        return insert_three(transaction, first);
      };
      try {
        transact(body);
        for (auto id = first; id < first + 3; ++id) expected.insert(id);
      } catch (Error const& error) {
        EXPECT_GT(vfs_.failures(), failures) << error.what();
      }
      vfs_.heal();
      ASSERT_EQ(ids(), expected) << "after " << after << " calls";
      if (vfs_.failures() == failures) break;
    }
    EXPECT_GT(vfs_.failures(), 0) << "no call was met";
    EXPECT_EQ(integrity(), "ok");
    reopen();
    EXPECT_EQ(ids(), expected);
    EXPECT_EQ(integrity(), "ok");
  }
};

TEST_F(SweepTest, EveryWriteOfACommitMayMeetAFullDisk) {
  sweep(File::log, Call::write, SQLITE_FULL);
}

TEST_F(SweepTest, EveryWriteOfACommitMayFail) {
  sweep(File::log, Call::write, SQLITE_IOERR_WRITE);
}

TEST_F(SweepTest, EveryReadOfATransactionMayFail) {
  reopen();  // nothing in any cache
  sweep(File::database, Call::read, SQLITE_IOERR_READ);
}

TEST(OpeningFaultsTest, SaysThatTheDiskIsFull) {
  FaultyVfs vfs;
  Options options;
  options.vfs = vfs.name();
  vfs.fill_disk();
  try {
    SqliteEngine engine(options);
    FAIL() << "a database was made on a full disk";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::full);
    EXPECT_THAT(error.what(), HasSubstr("no space left"));
  }
}

/// Each fault that opening may meet: the sentence names the file, and the next attempt succeeds.
class OpeningTest : public FaultsTest, public testing::WithParamInterface<FaultyVfs::Fault> {};

TEST_P(OpeningTest, SaysWhichFileAndSucceedsLater) {
  engine_.close();
  vfs_.inject(GetParam());
  auto const error = refusal([&] { engine_.open(); });
  EXPECT_THAT(error.what(), HasSubstr(engine_.file().string()));
  EXPECT_GT(vfs_.failures(), 0);
  vfs_.heal();
  engine_.open();
  expect_whole_after_reopening(10);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, OpeningTest,
    testing::Values(FaultyVfs::Fault{File::database, Call::open, SQLITE_CANTOPEN},
                    FaultyVfs::Fault{File::database, Call::read, SQLITE_IOERR_READ},
                    FaultyVfs::Fault{File::log, Call::open, SQLITE_CANTOPEN},
                    FaultyVfs::Fault{File::log, Call::open, SQLITE_FULL}));

/// The process has no file descriptor left, for a while.
TEST_F(FaultsTest, AThreadThatCannotOpenTheFileTriesAgainWithTheNextRead) {
  vfs_.inject({File::database, Call::open, SQLITE_CANTOPEN});
  auto const count = [&] {
    return start(engine_.database->read(Statement("SELECT COUNT(*) FROM notes")), 1).get();
  };
  EXPECT_EQ(refusal(count).code(), ErrorCode::io);
  insert(11);
  vfs_.heal();
  EXPECT_EQ(count().integer(0, 0), 11);
}

TEST_F(FaultsTest, DamageThatShowsLaterHarmsNothingElse) {
  write("CREATE TABLE others (id INTEGER PRIMARY KEY)");
  write("INSERT INTO notes (id, body) VALUES (11, zeroblob(100000))");
  auto const page = read("SELECT rootpage FROM sqlite_schema WHERE name = 'notes'").integer(0, 0);
  engine_.close();
  {
    std::fstream file(engine_.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((page - 1) * 4'096);
    file << std::string(3'000, '\xFF');
  }
  engine_.open();  // it was closed well: nothing is checked
  EXPECT_EQ(refusal([&] { read("SELECT body FROM notes"); }).code(), ErrorCode::corrupt);
  EXPECT_EQ(refusal([&] { insert(12); }).code(), ErrorCode::corrupt);
  write("INSERT INTO others VALUES (1)");
  EXPECT_EQ(read("SELECT COUNT(*) FROM others").integer(0, 0), 1);
}

TEST_F(FaultsTest, OpeningAFileThatCannotBeWrittenIsRefused) {
  engine_.close();
  vfs_.make_read_only();
  auto const error = refusal([&] { engine_.open(); });
  EXPECT_EQ(error.code(), ErrorCode::read_only);
  EXPECT_THAT(error.what(), HasSubstr("cannot be written"));
  EXPECT_THAT(error.what(), HasSubstr(engine_.file().string()));
  vfs_.heal();
  engine_.open();
  EXPECT_EQ(ids().size(), 10U);
}

}  // namespace
}  // namespace minga::sql::sqlite
