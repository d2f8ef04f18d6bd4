#pragma once

#include <minga/json.hpp>

#include "async/deadline.hpp"
#include "records/changes.hpp"
#include "sql/replica_reads.hpp"

#include <optional>
#include <string>
#include <vector>

namespace minga::records {

/// An Idempotency-Key of the caller (API.md section 10). The key, the request's hash and what each
/// write of the request produced are stored in the write's own transaction; the same request again
/// gets the stored outcome and changes nothing.
struct Idempotency {
  std::string scope;  // the caller: "guest" or an account's id
  std::string key;
  std::string request_hash;  // of method, path, query and body
  int writes = 0;            // ordinal of the next write in this request
  bool replayed = false;     // set when an outcome was taken from the store
};

/// On whose behalf and under which conditions records are used.
struct Context {
  Deadline deadline = kNoDeadline;
  /// The application itself, a superuser, import: rules do not apply (validation does).
  bool bypasses_rules = false;
  /// Entity tags of If-Match, without quotes; "*" matches any record.
  std::optional<std::vector<std::string>> if_match;
  /// Where if_match does not hold, a change that would leave the record as it is has been made
  /// already and succeeds (RFC 9110 section 13.1.1): a person's second click is no conflict.
  bool passes_when_done = false;
  /// Prefer: handling=strict: unknown keys are errors.
  bool strict = false;
  /// Null: none was sent.
  Idempotency* idempotency = nullptr;
  /// Of all reads of the request, of which standbys may answer some; null: the primary answers all.
  sql::ReplicaReads* reads = nullptr;
  /// Prefer: read=replica, or read=primary. Nothing: as the collection says.
  std::optional<bool> prefers_replica;
  /// Minga-Position: reads see at least that.
  std::optional<Position> after;
  /// Out: the JSON text of the record that a create made, where the change log has it; else empty.
  std::string record_text;
  /// Out: the position in the change log of the last write, "EPOCH-N".
  std::string position;
};

}  // namespace minga::records
