#pragma once

#include "async/deadline.hpp"
#include "sql/replica_reads.hpp"
#include "sql/value.hpp"

#include <string>
#include <utility>

namespace minga::sql {

/// One statement in the SQL that both engines share: `$1` placeholders, RETURNING, ON CONFLICT, ->,
/// ->>, CTEs. Prepared once per connection and cached by its text, so the text must not contain
/// values.
struct Statement {
  Statement(std::string text, Params params = {}, Deadline until = kNoDeadline)
      : sql(std::move(text)), values(std::move(params)), deadline(until) {}

  std::string sql;
  Params values;
  /// Past it the statement is not begun, or is cancelled: Error 503.
  Deadline deadline;
  /// A read that gives another result each time: ordered at random, say, or by the clock. Other
  /// reads may be given the Rows of an equal one: of one that waits with them, or of an earlier one
  /// where nothing was written since.
  bool is_volatile = false;
  /// A read that a standby may answer, or that is to see what its reader has, under these
  /// conditions; null: it is the primary's.
  ReplicaReads* replica = nullptr;
};

}  // namespace minga::sql
