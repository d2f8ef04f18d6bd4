// Database files as a whole: opening, damage, recovery, backups, restoring.
#include "sql/sqlite/files.hpp"

#include "sql/sqlite/connection.hpp"
#include "sql/sqlite/file_lock.hpp"
#include "support/sqlite_test.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <unistd.h>

namespace minga::sql::sqlite {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing_support::SqliteEngine;
using testing_support::TemporaryFolder;

class FilesTest : public SqliteTest {
 protected:
  void insert_up_to(std::int64_t last) {
    for (std::int64_t id = 1; id <= last; ++id) insert(id);
  }

  std::filesystem::path beside(std::string const& name) const {
    return engine_.file().parent_path() / name;
  }

  static Options at(std::filesystem::path file) {
    Options options;
    options.file = std::move(file);
    return options;
  }

  /// The sentence with which the file is refused.
  static std::string refused(std::filesystem::path const& file, ErrorCode code) {
    auto const error = refusal([&] { SqliteEngine engine(at(file)); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(file.string()));
    return error.what();
  }
};

TEST_F(FilesTest, ASecondServerIsRefusedWithTheFirstsNumber) {
  EXPECT_THAT(refused(engine_.file(), ErrorCode::busy),
              HasSubstr(fmt::format("(process {})", ::getpid())));
  insert(1);
  engine_.close();
  {
    SqliteEngine second(at(engine_.file()));
    EXPECT_EQ(read_ids(second), Ids{1});
  }
  engine_.open();
}

TEST(FileLockDeathTest, ASecondProcessIsRefusedToo) {
  TemporaryFolder const folder;
  FileLock const held(folder.path() / "test.db");
  auto const open_there = [&folder] {
    try {
      FileLock const lock(folder.path() / "test.db");
    } catch (Error const& error) {
      std::fputs(error.what(), stderr);
      std::_Exit(3);
    }
    std::_Exit(0);
  };
  EXPECT_EXIT(open_there(), testing::ExitedWithCode(3),
              fmt::format("in use by another server .process {}.", ::getpid()));
}

TEST_F(FilesTest, TheFolderMustBeThere) {
  EXPECT_THAT(refused(beside("nowhere") / "test.db", ErrorCode::io), HasSubstr("Is the folder"));
}

TEST_F(FilesTest, AnotherProgramsDatabaseIsLeftAlone) {
  auto const other = beside("other.db");
  {
    Connection connection(other, Access::read_write, Options{});
    connection.execute("CREATE TABLE theirs (id INTEGER)");
  }
  EXPECT_EQ(refused(other, ErrorCode::corrupt),
            other.string() + " is a database, but none of minga's. Choose another file.");
  auto const marked = beside("marked.db");
  {
    Connection connection(marked, Access::read_write, Options{});
    connection.execute("PRAGMA application_id = 1196444487");  // a GeoPackage without tables
  }
  EXPECT_THAT(refused(marked, ErrorCode::corrupt), HasSubstr("none of minga's"));
  Connection connection(marked, Access::read_only, Options{});
  EXPECT_EQ(connection.query_text("PRAGMA application_id"), "1196444487");
  EXPECT_EQ(connection.query_text("PRAGMA journal_mode"), "delete");
}

TEST_F(FilesTest, AFileThatIsNoDatabaseIsRefused) {
  auto const text = beside("letter.txt");
  std::ofstream(text) << "Dear reader,\n" << std::string(5'000, 'x');
  EXPECT_THAT(refused(text, ErrorCode::corrupt), HasSubstr("is no database"));
  auto const folder = beside("folder");
  std::filesystem::create_directory(folder);
  refused(folder, ErrorCode::io);
}

TEST_F(FilesTest, AnEmptyFileBecomesADatabase) {
  auto const empty = beside("empty.db");
  std::ofstream(empty).close();
  SqliteEngine engine(at(empty));
  EXPECT_EQ(check_integrity(engine), "ok");
}

/// What a kill leaves: the database and its log, not closed.
class CrashTest : public FilesTest {
 protected:
  void copy_as_it_is(std::filesystem::path const& to) const {
    std::filesystem::copy_file(engine_.file(), to);
    std::filesystem::copy_file(engine_.file().string() + "-wal", to.string() + "-wal");
  }
};

TEST_F(CrashTest, EverythingAcknowledgedIsThereAfterwards) {
  insert_up_to(200);
  auto const copy = beside("copy.db");
  copy_as_it_is(copy);
  insert(201);
  SqliteEngine recovered(at(copy));
  EXPECT_EQ(read_ids(recovered).size(), 200U);
  EXPECT_EQ(check_integrity(recovered), "ok");
  recovered.run(recovered.database->write(Statement("INSERT INTO notes (id) VALUES (999)")));
  recovered.close();
  recovered.open();
  EXPECT_TRUE(read_ids(recovered).contains(999));
}

TEST_F(CrashTest, ALogThatEndsInTheMiddleKeepsWhatWasBefore) {
  insert_up_to(50);
  auto const copy = beside("copy.db");
  copy_as_it_is(copy);
  auto const log = copy.string() + "-wal";
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 1'000);
  SqliteEngine recovered(at(copy));
  EXPECT_EQ(check_integrity(recovered), "ok");
  EXPECT_EQ(read_ids(recovered).size(), 49U) << "all but the commit that is cut";
}

TEST_F(CrashTest, ADamagedDatabaseIsRefusedAndABackupTakesItsPlace) {
  for (std::int64_t id = 1; id <= 50; ++id)
    write("INSERT INTO notes (id, title, body) VALUES ($1, $2, zeroblob(5000))",
          {id, fmt::format("title {}", id)});
  auto const backup = beside("backup.db");
  engine_.run(engine_.database->backup(backup));
  reopen();  // all of it is in the database's file
  insert(51);
  auto const copy = beside("copy.db");
  copy_as_it_is(copy);
  {
    std::fstream file(copy, std::ios::in | std::ios::out | std::ios::binary);
    for (auto page = 2; page < 12; ++page) {
      file.seekp(page * 4'096);
      file << std::string(3'000, '\xFF');
    }
  }
  auto const sentence = refused(copy, ErrorCode::corrupt);
  EXPECT_THAT(sentence, StartsWith("The database " + copy.string() + " is damaged ("));
  EXPECT_THAT(sentence, EndsWith("). Put a backup in its place: minga restore FILE."));
  EXPECT_THAT(sentence, Not(HasSubstr("\n")));

  restore(backup, copy);
  EXPECT_TRUE(std::filesystem::exists(copy.string() + ".before-restore"));
  SqliteEngine restored(at(copy));
  EXPECT_EQ(read_ids(restored).size(), 50U);
  EXPECT_EQ(check_integrity(restored), "ok");
}

TEST_F(FilesTest, WhatIsNoDatabaseAtAllCanBeRestoredToo) {
  insert(1);
  auto const backup = beside("backup.db");
  engine_.run(engine_.database->backup(backup));
  auto const target = beside("target.db");
  std::ofstream(target) << std::string(10'000, 'x');
  restore(backup, target);
  SqliteEngine restored(at(target));
  EXPECT_EQ(read_ids(restored), Ids{1});
}

/// Moves one unit from an account to another, again and again, and notes each move.
Async<void> move_one(Transaction& transaction, std::int64_t number) {
  Statement note("INSERT INTO notes (id) VALUES ($1)", {number});
  co_await transaction.execute(std::move(note));
  co_await transaction.execute(Statement("UPDATE accounts SET amount = amount - 1 WHERE id = 1"));
  co_await transaction.execute(Statement("UPDATE accounts SET amount = amount + 1 WHERE id = 2"));
}

Async<void> move_until(Database& database, std::int64_t from, std::atomic<bool>& stop,
                       std::atomic<std::int64_t>& moves) {
  for (auto number = from; !stop; ++number) {
    TransactionBody body = [number](Transaction& transaction) {
      return move_one(transaction, number);
    };
    co_await database.transact(std::move(body));
    ++moves;
  }
}

TEST_F(FilesTest, ABackupUnderLoadIsTheStateOfOneMoment) {
  write("CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)");
  write("INSERT INTO accounts VALUES (1, 0), (2, 0)");
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> moves = 0;
  std::vector<std::future<void>> movers;
  for (std::size_t i = 0; i < 8; ++i) {
    auto task =
        move_until(*engine_.database, static_cast<std::int64_t>(i) * 1'000'000, stop, moves);
    movers.push_back(start(std::move(task), i % 2));
  }
  for (int round = 0; round < 10; ++round) {
    auto const wanted = moves + 20;
    while (moves < wanted) std::this_thread::yield();
    auto const acknowledged = moves.load();
    auto const file = beside(fmt::format("backup-{}.db", round));
    engine_.run(engine_.database->backup(file));
    EXPECT_FALSE(std::filesystem::exists(file.string() + "-wal")) << "a backup is one file";

    SqliteEngine copy(at(file));
    auto const rows = copy.run(copy.database->read(
        Statement("SELECT SUM(amount), MAX(amount), (SELECT COUNT(*) FROM notes) FROM accounts")));
    EXPECT_EQ(rows.integer(0, 0), 0);
    EXPECT_EQ(rows.integer(0, 1), rows.integer(0, 2)) << "half a transaction";
    EXPECT_GE(rows.integer(0, 2), acknowledged);
    EXPECT_EQ(check_integrity(copy), "ok");
  }
  stop = true;
  for (auto& mover : movers) mover.get();
}

TEST_F(FilesTest, WhatHoldsRecordsIsItsOwnersAlone) {
  insert(1);
  auto const backup = beside("backup.db");
  engine_.run(engine_.database->backup(backup));
  auto const restored = beside("restored.db");
  restore(backup, restored);
  auto const log = std::filesystem::path(engine_.file().string() + "-wal");
  for (auto const& file : {engine_.file(), log, backup, restored}) {
    auto const rights = std::filesystem::status(file).permissions();
    EXPECT_EQ(rights, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << file;
  }
}

TEST_F(FilesTest, ABackupReplacesNothing) {
  auto const file = beside("precious.txt");
  std::ofstream(file) << "precious";
  auto const error = refusal([&] { engine_.run(engine_.database->backup(file)); });
  EXPECT_THAT(error.what(), HasSubstr("exists already"));
  EXPECT_EQ(std::filesystem::file_size(file), 8U);
}

TEST_F(FilesTest, AFailedBackupLeavesNothingBehind) {
  auto const nowhere = beside("nowhere") / "backup.db";
  EXPECT_THAT(refusal([&] { engine_.run(engine_.database->backup(nowhere)); }).what(),
              HasSubstr(nowhere.string() + " cannot be written: there is no folder"));
  auto const text = beside("letter.txt");
  std::ofstream(text) << std::string(5'000, 'x');
  auto const target = beside("copy.db");
  EXPECT_EQ(refusal([&] { sqlite::copy(text, target); }).code(), ErrorCode::corrupt);
  for (auto const& entry : std::filesystem::directory_iterator(engine_.file().parent_path()))
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("copy.db")));
}

TEST_F(FilesTest, RestoresABackupAndKeepsWhatWasThere) {
  insert_up_to(10);
  auto const backup = beside("backup.db");
  engine_.run(engine_.database->backup(backup));
  insert(11);
  engine_.close();
  restore(backup, engine_.file());
  engine_.open();
  EXPECT_EQ(ids().size(), 10U);
  insert(12);
  SqliteEngine before(at(engine_.file().string() + ".before-restore"));
  EXPECT_EQ(read_ids(before).size(), 11U);
}

TEST_F(CrashTest, KeepsWhatTheLogOfTheReplacedOneHeld) {
  insert_up_to(10);
  auto const backup = beside("backup.db");
  engine_.run(engine_.database->backup(backup));
  insert(11);
  auto const crashed = beside("crashed.db");
  copy_as_it_is(crashed);
  restore(backup, crashed);
  SqliteEngine restored(at(crashed));
  EXPECT_EQ(read_ids(restored).size(), 10U) << "nothing of the old log is in it";
  SqliteEngine before(at(crashed.string() + ".before-restore"));
  EXPECT_EQ(read_ids(before).size(), 11U);
}

TEST_F(FilesTest, RefusesToRestoreWhatCannotServe) {
  insert(1);
  auto const backup = beside("backup.db");
  engine_.run(engine_.database->backup(backup));
  EXPECT_EQ(refusal([&] { restore(backup, engine_.file()); }).code(), ErrorCode::busy);
  engine_.close();
  EXPECT_THAT(refusal([&] { restore(beside("none.db"), engine_.file()); }).what(),
              HasSubstr("There is no file"));
  {
    std::fstream file(backup, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4'096);
    file << std::string(3'000, '\xFF');
  }
  auto const damaged = refusal([&] { restore(backup, engine_.file()); });
  EXPECT_EQ(damaged.code(), ErrorCode::corrupt);
  EXPECT_THAT(damaged.what(), StartsWith("The database " + backup.string() + " is damaged ("));
  EXPECT_THAT(damaged.what(), Not(HasSubstr("minga restore")));
  engine_.open();
  EXPECT_EQ(ids(), Ids{1}) << "the database is as it was";
}

}  // namespace
}  // namespace minga::sql::sqlite
