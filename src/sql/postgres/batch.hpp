#pragma once

#include "async/deadline.hpp"
#include "sql/postgres/errors.hpp"
#include "sql/postgres/mark.hpp"
#include "sql/rows.hpp"
#include "sql/statement.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

namespace minga::sql::postgres {

/// Statements that are sent together and end with a Sync: outside of a transaction block they are
/// one transaction. The first that fails makes the server skip the rest. What the server did is
/// known, and finished() called, once it has answered the Sync.
class Batch {
 public:
  struct Item {
    Statement const* statement;  // outlives the batch, unless `wanted` became false
    Rows rows;
    std::optional<Failure> failure;
    bool is_done = false;      // the server has done it, in the transaction
    bool is_wanted = true;     // somebody waits for the rows
    bool is_outdated = false;  // the prepared statement was: another run prepares it anew
  };

  virtual ~Batch() = default;
  /// All is known that ever will be. Called on the connection's thread, once.
  virtual void finished() = 0;
  /// It is committing, and the server does not say that it has. Whoever waited for it beyond their
  /// deadline waits no more: to them the commit is in doubt.
  virtual void leave_late(Clock::time_point now) = 0;
  /// Somebody waits for what comes of it.
  virtual bool is_awaited() const = 0;

  /// All that is left is the commit. To cancel that would show everyone what no standby has.
  bool is_committing() const {
    return mark_at &&
           std::all_of(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(*mark_at),
                       [](Item const& item) { return item.is_done; });
  }

  std::vector<Item> items;
  /// The commit itself failed, as with a constraint that is checked at the end.
  std::optional<Failure> commit_failure;
  /// The connection was lost before the Sync was answered.
  std::optional<Error> loss;
  /// The server has told, in one way or another, that the transaction was not committed.
  bool is_undone = false;
  /// A commit that no standby has confirmed: its wait was broken off.
  bool is_unreplicated = false;

  /// Where among the items the commit begins: there the connection puts the statement that marks
  /// the transaction, so that its commit can be found again. Nothing: it ends no transaction that
  /// writes.
  std::optional<std::size_t> mark_at;
  /// What it put there: nothing where the database has no table for it.
  std::optional<Mark> mark;
  /// It has changed the writer's row, as it does when there is anything to commit.
  bool is_marked = false;
  std::optional<Statement> mark_statement;

  /// It may take long: nothing is sent behind it.
  bool is_slow = false;
  /// Past it the server is asked to cancel what it is doing, unless it is committing.
  Deadline cancel_at = kNoDeadline;
  /// Past it the connection is given up, unless it is committing.
  Deadline give_up_at = kNoDeadline;
  Clock::time_point sent_at{};
  /// When the server had answered what was sent before it; not set before that.
  Clock::time_point begun_at{};
};

}  // namespace minga::sql::postgres
