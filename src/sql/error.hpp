#pragma once

#include "sql/value.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace minga::sql {

enum class ErrorCode {
  unique_violation,
  foreign_key_violation,
  not_null_violation,
  check_violation,
  serialization_failure,  // retried by transact() itself
  busy,                   // another process or a lock; try again
  full,                   // no space left, or a quota
  read_only,
  moved,  // the table refuses writes: Dialect::refuse_writes()
  io,
  corrupt,
  deadline,  // past the statement's deadline; nothing was done
  cancelled,
  queue_full,
  connection_lost,
  refused,       // by the server at the door: a wrong password, user, database or certificate
  invalid_text,  // a value holds U+0000, which not every engine keeps in a text
  syntax,        // the statement is wrong: a fault of the program
  other,
};

char const* name(ErrorCode code);

/// What the storage says when it could not do a statement. The engine's own text is for the log
/// only.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string const& message);

  ErrorCode code() const noexcept { return code_; }
  /// The same statement may succeed when repeated.
  bool retryable = false;
  /// The connection may go on after it.
  bool connection_usable = true;
  /// Nobody knows whether the transaction was committed: to be resolved, never guessed.
  bool commit_in_doubt = false;
  /// The transaction was committed; what its statements gave is lost.
  bool is_committed = false;
  /// unique_violation: the index's columns, in order, without the table; the index's name where the
  /// engine tells it.
  std::vector<std::string> columns;
  std::string index;

 private:
  ErrorCode code_;
};

/// Throws Error invalid_text for a text with U+0000: no engine takes it.
void check_text(Value const& value);

}  // namespace minga::sql
