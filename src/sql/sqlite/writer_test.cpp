#include "sql/sqlite/writer.hpp"

#include "support/sqlite_test.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <functional>
#include <stdexcept>

namespace minga::sql::sqlite {
namespace {

using namespace std::chrono_literals;
using testing_support::FaultyVfs;
using File = FaultyVfs::File;
using Call = FaultyVfs::Call;

constexpr char const* kInsert = "INSERT INTO notes (id) VALUES ($1)";
constexpr char const* kInsertLarge = "INSERT INTO notes (id, body) VALUES ($1, zeroblob(1000000))";
constexpr char const* kInsertEndlessly =
    "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) "
    "INSERT INTO notes (id) SELECT i FROM n";

/// Groups are what waited when they began, unless the test says otherwise.
Options without_joining() {
  Options options;
  options.joining = 0us;
  return options;
}

class WriterTest : public SqliteTest {
 protected:
  explicit WriterTest(Options options = without_joining()) : SqliteTest(std::move(options)) {}

  double commits() { return engine_.metrics.counter("minga_sqlite_commits_total", "").Value(); }
  std::int64_t log_syncs() const { return vfs_.calls(File::log, Call::sync); }
};

/// What the writer meets in one group: started while it is held.
TEST_F(WriterTest, CommitsTogetherWhatWaits) {
  insert(0);
  HeldWriter held(engine_);
  std::vector<std::future<Rows>> writes;
  Ids expected{0};
  for (std::int64_t id = 1; id <= 100; ++id) {
    writes.push_back(start_insert(id, static_cast<std::size_t>(id % 2)));
    expected.insert(id);
  }
  settle();
  auto const before = commits();
  auto const syncs = log_syncs();
  auto const log_writes = vfs_.calls(File::log, Call::write);
  held.release();
  for (auto& write : writes) EXPECT_EQ(write.get().affected(), 1);
  EXPECT_EQ(commits() - before, 2) << "the holder's and one for all others";
  EXPECT_EQ(log_syncs() - syncs, 1);
  EXPECT_EQ(vfs_.calls(File::log, Call::write) - log_writes, 1) << "its pages, in one piece";
  EXPECT_EQ(ids(), expected);
}

TEST_F(WriterTest, CommitsTogetherWhatAThreadHasAtHand) {
  insert(0);
  std::vector<std::future<Rows>> writes;
  std::promise<void> started;
  auto const before = commits();
  boost::asio::post(engine_.threads.context(0), [this, &writes, &started] {
    for (std::int64_t id = 1; id <= 100; ++id) writes.push_back(start_insert(id));
    started.set_value();
  });
  started.get_future().get();
  for (auto& write : writes) EXPECT_EQ(write.get().affected(), 1);
  EXPECT_EQ(commits() - before, 1);
}

class JoiningTest : public WriterTest {
 protected:
  JoiningTest() : WriterTest(patient()) {}

 private:
  static Options patient() {
    Options options;
    options.joining = 1h;
    return options;
  }
};

/// The holder is what runs.
TEST_F(JoiningTest, CommitsWhatComesMeanwhileWithWhatRuns) {
  insert(0);
  HeldWriter held(engine_);
  std::vector<std::future<Rows>> writes;
  Ids expected{0};
  for (std::int64_t id = 1; id <= 600; ++id) {  // more than a group holds
    writes.push_back(start_insert(id, static_cast<std::size_t>(id % 2)));
    expected.insert(id);
  }
  settle();
  auto const before = commits();
  auto const syncs = log_syncs();
  held.release();
  for (auto& write : writes) EXPECT_EQ(write.get().affected(), 1);
  EXPECT_EQ(commits() - before, 2);
  EXPECT_EQ(log_syncs() - syncs, 2);
  EXPECT_EQ(ids(), expected);
}

TEST_F(JoiningTest, UndoesAloneWhatJoinedAndFailed) {
  insert(1);
  HeldWriter held(engine_);
  auto before = start_insert(2);
  auto refused = start_insert(1);
  auto after = start_insert(3);
  settle();
  held.release();
  before.get();
  EXPECT_EQ(refusal([&] { refused.get(); }).code(), ErrorCode::unique_violation);
  after.get();
  EXPECT_EQ(ids(), (Ids{1, 2, 3}));
}

Async<void> insert_loop(Database& database, std::int64_t from, std::int64_t count) {
  for (auto id = from; id < from + count; ++id) {
    Params values{id};
    Statement statement(kInsert, std::move(values));
    co_await database.write(std::move(statement));
  }
}

/// Longer than what the log's writes are joined to; read back before the commit.
Async<void> insert_and_read_large(Transaction& transaction, std::int64_t& found) {
  for (std::int64_t id = 0; id < 50; ++id) {
    Params values{id};
    Statement statement(kInsertLarge, std::move(values));
    co_await transaction.execute(std::move(statement));
  }
  Statement count("SELECT COUNT(*) FROM notes WHERE length(body) = 1000000");
  found = (co_await transaction.execute(std::move(count))).integer(0, 0);
}

TEST_F(WriterTest, ALongTransactionReadsWhatItWrote) {
  std::int64_t found = 0;
  transact(
      [&found](Transaction& transaction) { return insert_and_read_large(transaction, found); });
  EXPECT_EQ(found, 50);
  reopen();
  EXPECT_EQ(ids().size(), 50U);
  EXPECT_EQ(integrity(), "ok");
}

TEST_F(WriterTest, KeepsEveryWriteOfManyWriters) {
  std::vector<std::future<void>> writers;
  for (std::int64_t i = 0; i < 64; ++i) {
    writers.push_back(
        start(insert_loop(*engine_.database, i * 100, 50), static_cast<std::size_t>(i % 2)));
  }
  for (auto& writer : writers) writer.get();
  EXPECT_LT(log_syncs(), 64 * 50 / 2);
  reopen();
  EXPECT_EQ(ids().size(), 64U * 50U);
  EXPECT_EQ(integrity(), "ok");
}

Async<void> insert_two_then(Transaction& transaction, std::int64_t id, std::int64_t then) {
  Statement first(kInsert, {id});
  co_await transaction.execute(std::move(first));
  Statement second(kInsert, {then});
  co_await transaction.execute(std::move(second));
}

TEST_F(WriterTest, UndoesAFailedOperationAlone) {
  insert(1);
  HeldWriter held(engine_);
  auto before = start_insert(2);
  auto failing =
      start_transact([](Transaction& transaction) { return insert_two_then(transaction, 3, 1); });
  auto after =
      start_transact([](Transaction& transaction) { return insert_two_then(transaction, 4, 5); });
  settle();
  auto const commits_before = commits();
  held.release();
  before.get();
  EXPECT_EQ(refusal([&] { failing.get(); }).code(), ErrorCode::unique_violation);
  after.get();
  EXPECT_EQ(commits() - commits_before, 2);
  EXPECT_EQ(ids(), (Ids{1, 2, 4, 5}));
}

Async<void> insert_counted(Transaction& transaction, std::int64_t id, int& runs) {
  ++runs;
  Params values{id};
  Statement statement(kInsert, std::move(values));
  co_await transaction.execute(std::move(statement));
}

TEST_F(WriterTest, RunsOthersAgainOnlyWhenTheFailedOneHadChangedSomething) {
  insert(1);
  int runs = 0;
  auto const counted = [&runs](std::int64_t id) {
    return [&runs, id](Transaction& transaction) {
      return insert_counted(transaction, id, runs);
    };
  };
  {
    HeldWriter held(engine_);
    auto other = start_transact(counted(2));
    auto failing = start_insert(1);
    auto failing_body =
        start_transact([](Transaction& transaction) { return insert_two_then(transaction, 1, 9); });
    settle();
    held.release();
    other.get();
    EXPECT_EQ(refusal([&] { failing.get(); }).code(), ErrorCode::unique_violation);
    EXPECT_EQ(refusal([&] { failing_body.get(); }).code(), ErrorCode::unique_violation);
  }
  EXPECT_EQ(runs, 1);
  {
    HeldWriter held(engine_);
    auto other = start_transact(counted(3));
    auto failing =
        start_transact([](Transaction& transaction) { return insert_two_then(transaction, 9, 1); });
    settle();
    held.release();
    other.get();
    EXPECT_EQ(refusal([&] { failing.get(); }).code(), ErrorCode::unique_violation);
  }
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(ids(), (Ids{1, 2, 3}));
}

/// More than SQLite's cache holds: pages go to the log before the commit.
Async<void> insert_fifty_large(Transaction& transaction) {
  for (std::int64_t id = 100; id < 150; ++id) {
    Params values{id};
    Statement statement(kInsertLarge, std::move(values));
    co_await transaction.execute(std::move(statement));
  }
}

TEST_F(WriterTest, DoesTheOthersAgainWhenOneLosesTheTransaction) {
  HeldWriter held(engine_);
  auto before = start_insert(1);
  auto large = start_transact(insert_fifty_large);
  auto after = start_insert(2);
  settle();
  vfs_.inject({File::log, Call::write, SQLITE_FULL, 0, 1});
  held.release();
  EXPECT_EQ(refusal([&] { large.get(); }).code(), ErrorCode::full);
  before.get();
  after.get();
  EXPECT_EQ(ids(), (Ids{1, 2}));
  EXPECT_EQ(integrity(), "ok");
}

Async<void> try_insert_large(Transaction& transaction, std::int64_t id, int& refused) {
  Params values{id};
  Statement statement(kInsertLarge, std::move(values));
  try {
    co_await transaction.execute(std::move(statement));
  } catch (Error const&) {
    ++refused;
  }
}

Async<void> insert_without_care(Transaction& transaction, int& refused) {
  for (std::int64_t id = 100; id < 150; ++id) co_await try_insert_large(transaction, id, refused);
}

TEST_F(WriterTest, WritesNothingOutsideOfALostTransaction) {
  int refused = 0;
  vfs_.inject({File::log, Call::write, SQLITE_FULL, 0, 1});
  auto const body = [&refused](Transaction& transaction) {
    return insert_without_care(transaction, refused);
  };
  EXPECT_EQ(refusal([&] { transact(body); }).code(), ErrorCode::full);
  EXPECT_GT(refused, 1) << "statements after the loss were done";
  EXPECT_EQ(ids(), Ids{});
  insert(1);
  EXPECT_EQ(ids(), Ids{1});
}

TEST_F(WriterTest, AnInterruptedWriteHarmsNoOther) {
  HeldWriter held(engine_);
  auto before = start_insert(1);
  auto endless = start_write(kInsertEndlessly, {}, Clock::now() + 200ms);
  auto after = start_insert(2);
  settle();
  held.release();
  EXPECT_EQ(refusal([&] { endless.get(); }).code(), ErrorCode::deadline);
  before.get();
  after.get();
  EXPECT_EQ(ids(), (Ids{1, 2}));
}

TEST_F(WriterTest, FindsWhoseConstraintFailsAtTheCommit) {
  write(
      "CREATE TABLE parts (id INTEGER PRIMARY KEY, note INTEGER REFERENCES notes (id) DEFERRABLE "
      "INITIALLY DEFERRED)");
  HeldWriter held(engine_);
  auto before = start_insert(1);
  auto orphan = start_write("INSERT INTO parts VALUES (1, 77)");
  auto child = start_write("INSERT INTO parts VALUES (2, 1)");
  settle();
  held.release();
  EXPECT_EQ(refusal([&] { orphan.get(); }).code(), ErrorCode::foreign_key_violation);
  before.get();
  child.get();
  EXPECT_EQ(read("SELECT id FROM parts").integer(0, 0), 2);
}

TEST_F(WriterTest, DoesNotBeginPastTheDeadline) {
  HeldWriter held(engine_);
  auto const deadline = Clock::now() + 20ms;
  auto statement = start_write(kInsert, {std::int64_t{1}}, deadline);
  auto body = start_transact(
      [](Transaction& transaction) { return insert_two_then(transaction, 2, 3); }, deadline);
  settle();
  while (!has_passed(deadline)) std::this_thread::yield();
  held.release();
  for (auto const& error : {refusal([&] { statement.get(); }), refusal([&] { body.get(); })}) {
    EXPECT_EQ(error.code(), ErrorCode::deadline);
    EXPECT_TRUE(error.retryable);
  }
  EXPECT_EQ(ids(), Ids{});
}

Async<void> insert_until(Transaction& transaction, Deadline deadline) {
  co_await insert_two_then(transaction, 1, 2);
  while (!has_passed(deadline)) std::this_thread::yield();
  co_await insert_two_then(transaction, 3, 4);
}

TEST_F(WriterTest, ABodyEndsAtItsDeadline) {
  auto const deadline = Clock::now() + 20ms;
  auto const body = [deadline](Transaction& transaction) {
    return insert_until(transaction, deadline);
  };
  EXPECT_EQ(refusal([&] { transact(body, deadline); }).code(), ErrorCode::deadline);
  EXPECT_EQ(ids(), Ids{});
}

class ShortQueueTest : public WriterTest {
 protected:
  ShortQueueTest() : WriterTest(four()) {}

 private:
  static Options four() {
    Options options;
    options.write_queue = 4;
    return options;
  }
};

TEST_F(ShortQueueTest, RefusesWhatDoesNotFit) {
  HeldWriter held(engine_);
  std::vector<std::future<Rows>> writes;
  for (std::int64_t id = 1; id <= 4; ++id) writes.push_back(start_insert(id));
  settle();
  auto const error = refusal([&] { insert(5); });
  EXPECT_EQ(error.code(), ErrorCode::queue_full);
  EXPECT_TRUE(error.retryable);
  held.release();
  for (auto& write : writes) write.get();
  insert(5);
  EXPECT_EQ(ids(), (Ids{1, 2, 3, 4, 5}));
}

TEST_F(WriterTest, FinishesTheWriteOfACallerThatIsCancelled) {
  HeldWriter held(engine_);
  boost::asio::cancellation_signal signal;
  std::promise<std::exception_ptr> ended;
  auto note = [&ended](std::exception_ptr error) {
    ended.set_value(error);
  };
  boost::asio::co_spawn(engine_.threads.context(0), insert_loop(*engine_.database, 1, 10),
                        boost::asio::bind_cancellation_slot(signal.slot(), note));
  settle();
  auto const cancel = [&signal] {
    signal.emit(boost::asio::cancellation_type::terminal);
  };
  boost::asio::post(engine_.threads.context(0), std::packaged_task<void()>(cancel));
  settle();
  held.release();
  auto const failure = ended.get_future().get();
  EXPECT_THROW(std::rethrow_exception(failure), boost::system::system_error);
  EXPECT_EQ(ids(), Ids{1}) << "the write that was under way, and none after it";
}

Async<void> insert_and_sleep(Transaction& transaction) {
  co_await insert_two_then(transaction, 1, 2);
  co_await sleep_for(1h);
}

Async<void> insert_and_write(Transaction& transaction, Database& database) {
  co_await insert_two_then(transaction, 1, 2);
  co_await database.write(Statement("DELETE FROM notes"));
}

Async<void> insert_and_read(Transaction& transaction, Database& database) {
  co_await insert_two_then(transaction, 1, 2);
  co_await database.read(Statement("SELECT 1"));
}

TEST_F(WriterTest, ABodyAwaitsNothingElse) {
  insert(7);
  auto& database = *engine_.database;
  EXPECT_THROW(transact(insert_and_sleep), std::logic_error);
  EXPECT_THROW(
      transact([&](Transaction& transaction) { return insert_and_write(transaction, database); }),
      std::logic_error);
  EXPECT_THROW(
      transact([&](Transaction& transaction) { return insert_and_read(transaction, database); }),
      std::logic_error);
  EXPECT_EQ(ids(), Ids{7});
  insert(8);
  EXPECT_EQ(ids(), (Ids{7, 8}));
}

/// Writes until it is refused; the last number that was acknowledged.
Async<std::int64_t> insert_until_refused(Database& database, std::int64_t from,
                                         std::atomic<std::int64_t>& count) {
  auto id = from;
  for (;;) {
    Params values{id};
    Statement statement(kInsert, std::move(values));
    try {
      co_await database.write(std::move(statement));
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::connection_lost) << error.what();
      break;
    }
    ++id;
    ++count;
  }
  co_return id - 1;
}

TEST_F(WriterTest, ClosingUnderLoadFinishesWhatWasAccepted) {
  std::vector<std::future<std::int64_t>> writers;
  std::atomic<std::int64_t> count = 0;
  for (std::int64_t i = 0; i < 32; ++i) {
    writers.push_back(start(insert_until_refused(*engine_.database, i * 1'000'000, count),
                            static_cast<std::size_t>(i % 2)));
  }
  while (count < 500) std::this_thread::yield();
  engine_.run(engine_.database->close());
  Ids acknowledged;
  for (std::int64_t i = 0; i < 32; ++i) {
    auto const last = writers[static_cast<std::size_t>(i)].get();
    for (auto id = i * 1'000'000; id <= last; ++id) acknowledged.insert(id);
  }
  engine_.database.reset();
  EXPECT_FALSE(std::filesystem::exists(engine_.file().string() + "-wal"));
  engine_.open();
  EXPECT_EQ(ids(), acknowledged);
  EXPECT_EQ(integrity(), "ok");
}

}  // namespace
}  // namespace minga::sql::sqlite
