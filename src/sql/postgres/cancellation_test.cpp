// Callers that are cancelled: what they waited with is not done, what was sent says how it ended.
#include "sql/migrations.hpp"
#include "support/postgres_test.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

using testing_support::PostgresEngine;
using testing_support::PostgresServer;

constexpr char const* kInsert = "INSERT INTO notes (id, size) VALUES ($1, 0)";
constexpr char const* kOnALock = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted";

Statement insertion(Deadline deadline = kNoDeadline) {
  Params values{std::int64_t{1}};
  return {kInsert, std::move(values), deadline};
}

Async<void> insert_one(Transaction& transaction) {
  co_await transaction.execute(insertion());
}

/// A caller on the first I/O thread.
class Caller {
 public:
  template <class T>
  Caller(PostgresEngine& engine, Async<T> operation) : engine_(engine) {
    ended_ = boost::asio::co_spawn(
        engine.threads.context(0), outcome_of(std::move(operation)),
        boost::asio::bind_cancellation_slot(signal_.slot(), boost::asio::use_future));
  }
  /// Returns once it was told.
  void cancel() {
    auto const tell = [this] {
      signal_.emit(boost::asio::cancellation_type::terminal);
    };
    boost::asio::post(engine_.threads.context(0), std::packaged_task<void()>(tell)).get();
  }
  bool has_ended() const { return ended_.wait_for(0s) == std::future_status::ready; }
  /// "done", "cancelled", or the error.
  std::string outcome() { return ended_.get(); }

 private:
  template <class T>
  static Async<std::string> outcome_of(Async<T> operation) {
    try {
      co_await std::move(operation);
    } catch (boost::system::system_error const& error) {
      co_return error.code() == boost::asio::error::operation_aborted ? "cancelled" : error.what();
    } catch (std::exception const& error) {
      co_return error.what();
    }
    co_return "done";
  }

  PostgresEngine& engine_;
  boost::asio::cancellation_signal signal_;
  std::future<std::string> ended_;
};

double metric(PostgresEngine const& engine, std::string const& name) {
  auto const text = engine.metrics.text();
  auto const at = text.find("\n" + name + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
}

void wait_until(std::function<bool()> const& condition) {
  auto const end = Clock::now() + 20s;
  while (!condition()) ASSERT_LT(Clock::now(), end);
}

// Without a server.

class NoServerTest : public testing::Test {
 protected:
  NoServerTest() {
    server_.sql("CREATE TABLE notes (id BIGINT PRIMARY KEY, size BIGINT)");
    server_.stop();
  }
  static Options at(std::string url) {
    Options options;
    options.url = std::move(url);
    return options;
  }

  static Deadline deadline() { return Clock::now() + 10s; }
  /// How the operation ends that is cancelled while it waits for a server.
  template <class T>
  std::string when_cancelled(Async<T> operation) {
    Caller caller(engine_, std::move(operation));
    wait_until([this] { return metric(engine_, "minga_postgres_waiting") > 0; });
    auto const begin = Clock::now();
    caller.cancel();
    auto outcome = caller.outcome();
    EXPECT_LT(Clock::now() - begin, 2s);
    wait_until([this] { return metric(engine_, "minga_postgres_waiting") == 0; });
    return outcome;
  }

  PostgresServer server_;
  PostgresEngine engine_{at(server_.url())};
};

TEST_F(NoServerTest, WhatWaitsForOneIsLeftUndone) {
  auto& database = *engine_.database;
  EXPECT_EQ(when_cancelled(database.read(Statement("SELECT 1", {}, deadline()))), "cancelled");
  EXPECT_EQ(when_cancelled(database.write(insertion(deadline()))), "cancelled");
  std::vector<Statement> both{insertion(deadline()), insertion(deadline())};
  EXPECT_EQ(when_cancelled(database.write_all(std::move(both))), "cancelled");
  EXPECT_EQ(when_cancelled(database.announce("news", deadline())), "cancelled");
  EXPECT_EQ(when_cancelled(database.transact(insert_one, deadline())), "cancelled");
  std::vector<std::string> tables{"notes"};
  EXPECT_EQ(when_cancelled(database.hold_writes(std::move(tables), deadline())), "cancelled");
  auto const begin = Clock::now();
  engine_.close();
  EXPECT_LT(Clock::now() - begin, 2s);
  server_.start();
  server_.wait_until_ready();
  EXPECT_EQ(server_.sql("SELECT COUNT(*) FROM notes"), "0");
}

TEST_F(NoServerTest, OthersGoOnWaiting) {
  Caller other(engine_, engine_.database->write(insertion(deadline())));
  EXPECT_EQ(when_cancelled(engine_.database->read(Statement("SELECT 1", {}, deadline()))),
            "cancelled");
  EXPECT_FALSE(other.has_ended());
  server_.start();
  EXPECT_EQ(other.outcome(), "done");
  EXPECT_EQ(server_.sql("SELECT COUNT(*) FROM notes"), "1");
}

// Under way.

class UnderWayTest : public PostgresTest {
 protected:
  UnderWayTest() {
    engine_.run(migrate(*engine_.database, {}));
    std::vector<std::string> tables{"notes"};
    held_ = engine_.run(engine_.database->hold_writes(std::move(tables), Clock::now() + 60s));
  }
  ~UnderWayTest() override { let_go(); }

  void let_go() {
    auto const drop = [this] {
      held_.reset();
    };
    boost::asio::post(engine_.threads.context(0), std::packaged_task<void()>(drop)).get();
  }

  std::unique_ptr<HeldWrites> held_;
};

TEST_F(UnderWayTest, AWriteIsFinished) {
  Caller write(engine_, engine_.database->write(insertion()));
  wait_for(kOnALock, "1");
  write.cancel();
  EXPECT_FALSE(write.has_ended());
  let_go();
  EXPECT_EQ(write.outcome(), "done");
  EXPECT_EQ(count(), 1);
}

TEST_F(UnderWayTest, WhatIsUndoneIsNotDoneAgainForNobody) {
  Caller write(engine_, engine_.database->write(insertion()));
  wait_for(kOnALock, "1");
  write.cancel();
  psql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted");
  EXPECT_EQ(write.outcome(), "cancelled");
  let_go();
  EXPECT_EQ(count(), 0);
}

// Of a server that cannot write.

class ReadOnlyTest : public PostgresTest {};

TEST_F(ReadOnlyTest, ClosingWaitsForNoCommitThatReadersHaveLeft) {
  engine_.run(migrate(*engine_.database, {}));
  EXPECT_EQ(count(), 0);
  psql(fmt::format("ALTER DATABASE {} SET default_transaction_read_only = on", engine_.name()));
  psql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'minga' AND "
      "datname = current_database()");
  ReplicaReads reads;
  reads.after.all_until = std::numeric_limits<std::int64_t>::max();
  reads.is_on_primary = true;
  Statement statement("SELECT COUNT(*) FROM notes", {}, Clock::now() + 30s);
  statement.replica = &reads;
  Caller read(engine_, engine_.database->read(std::move(statement)));
  wait_until([this] { return counter("minga_postgres_barriers_total") > 0; });
  auto const begin = Clock::now();
  read.cancel();
  EXPECT_NE(read.outcome(), "done");
  engine_.close();
  EXPECT_LT(Clock::now() - begin, 3s);
}

}  // namespace
}  // namespace minga::sql::postgres
