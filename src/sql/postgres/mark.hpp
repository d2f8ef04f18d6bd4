#pragma once

#include <cstdint>

namespace minga::sql::postgres {

/// What a transaction leaves in `_writers`, so that its commit can be found again: its number, in
/// the row of the connection that it was sent on. Of those numbers one at a time is under way.
struct Mark {
  std::int64_t token = 0;  // of the row: random, never 0
  std::int64_t number = 0;
  /// No transaction before it has left anything in that row, as far as is known.
  bool is_first = false;
};

}  // namespace minga::sql::postgres
