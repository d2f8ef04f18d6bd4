#pragma once

#include "sql/error.hpp"

#include <libpq-fe.h>
#include <string>
#include <string_view>
#include <vector>

namespace minga::sql::postgres {

/// SQLSTATEs that the engine itself acts upon.
inline constexpr std::string_view kQueryCancelled = "57014";
inline constexpr std::string_view kReadOnlyTransaction = "25006";

ErrorCode code_of(std::string_view sqlstate);

/// What the server said was wrong; `sqlstate` is "" when the server said nothing.
struct Failure {
  Error error;
  std::string sqlstate;
  /// The server ended the session with it.
  bool is_fatal = false;
  /// The prepared statement is not there, or its plan no longer fits the tables.
  bool is_outdated = false;
};

Failure failure_of(PGresult const* result);

/// Nothing was done, and it may be tried again.
Error connection_lost(std::string const& message);
/// It may have been done: nobody knows.
Error in_doubt(std::string const& message);
/// It was done; what it gave is not known.
Error answer_lost(std::string const& message);
Error past_deadline(std::string const& message);

/// The columns in the detail of a unique violation, `Key (a, b)=(1, 2) ...` in whatever language:
/// empty when it holds an expression.
std::vector<std::string> columns_of_key(std::string_view detail);

}  // namespace minga::sql::postgres
