#pragma once

#include <minga/async.hpp>

#include "sql/copies.hpp"
#include "sql/dialect.hpp"
#include "sql/error.hpp"
#include "sql/rows.hpp"
#include "sql/statement.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace minga::sql {

/// Statements inside one transaction. An error leaves only the failed statement undone: the body
/// may catch it and go on.
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual Async<Rows> execute(Statement statement) = 0;
};

/// Awaits nothing but its own transaction's statements (asserted), may run more than once, and
/// keeps what it produces in variables of its caller only by assigning them anew on each run. An
/// exception rolls back and reaches the caller.
using TransactionBody = std::function<Async<void>(Transaction&)>;

/// While it lives no write of others to its tables is committed, in whatever process: they wait,
/// each to its deadline. Reads go on. It goes on the I/O thread that it was given on.
class HeldWrites {
 public:
  /// Lets the others go on.
  virtual ~HeldWrites() = default;
  /// The statements in one transaction, durable when this returns, and no write of others between
  /// the hold and them. Then the others go on. Throws sql::Error where the hold was lost meanwhile,
  /// and nothing is done then. At most once.
  virtual Async<void> finish(std::vector<Statement> statements) = 0;
};

/// The port to a database engine. All calls come from I/O threads; the caller resumes on its own
/// executor. tests/conformance is its definition: the same suite passes on every engine.
class Database {
 public:
  virtual ~Database() = default;

  /// One statement that changes nothing; sees every write acknowledged before it began, unless a
  /// standby may answer. Equal statements may be done once (Statement::is_volatile).
  virtual Async<Rows> read(Statement statement) = 0;
  /// One statement in a transaction of its own; durable when this returns.
  virtual Async<Rows> write(Statement statement) = 0;
  /// The statements in order in one transaction, durable when this returns; what each of them gave.
  /// The first that fails undoes them all. Where nothing is decided between the statements this
  /// costs much less than a body: the engine is told them all at once.
  virtual Async<std::vector<Rows>> write_all(std::vector<Statement> statements) = 0;
  /// The body in one transaction, durable when this returns; run again on serialization failure or
  /// deadlock.
  virtual Async<void> transact(TransactionBody body, Deadline deadline = kNoDeadline) = 0;

  /// Waits for the writes to these tables that are under way, and holds those that come after. What
  /// was committed before this returns is seen by reads that begin after it. Throws sql::Error past
  /// the deadline, which also ends the hold at the latest.
  virtual Async<std::unique_ptr<HeldWrites>> hold_writes(std::vector<std::string> tables,
                                                         Deadline deadline) = 0;

  virtual Dialect const& dialect() const = 0;
  /// No other process can write: what was read stays true until this process writes.
  virtual bool is_exclusive() const = 0;

  /// Tells the other processes on this database that there is news of `topic`, a word: a hint that
  /// may be lost, in a transaction of its own that no write waits for. Throws Error. Does nothing
  /// where is_exclusive().
  virtual Async<void> announce(std::string topic, Deadline deadline) = 0;
  /// Calls `heard` on the caller's thread with each topic that another process announces, and with
  /// "" whenever some may have been missed, first of all once it listens. Until it is cancelled;
  /// where is_exclusive() it returns at once.
  virtual Async<void> listen(std::function<void(std::string_view topic)> heard) = 0;

  /// "SQLite 3.40.1, WAL, synchronous=FULL, group commit": logged when a server starts.
  virtual std::string durability() const = 0;
  /// Who holds the database right now. Servers that do not answer are part of the result; none is
  /// waited for longer than 3 s.
  virtual Async<Copies> copies(Deadline deadline) = 0;
  /// Throws sql::Error when the database cannot be written now.
  virtual Async<void> check_writable(Deadline deadline) = 0;
  /// A consistent copy into a new file while requests go on. Error when the file exists.
  virtual Async<void> backup(std::filesystem::path file) = 0;
  /// Finishes what was accepted, then closes. Calls after it throw Error 503.
  virtual Async<void> close() = 0;
};

}  // namespace minga::sql
