#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace minga::sql {

/// What a reader has seen or done, in the transactions' numbers as Dialect counts them; 0: nothing.
struct Reached {
  /// No transaction up to this one is under way any more.
  std::int64_t all_until = 0;
  /// Nor is this one.
  std::int64_t own = 0;
  /// Of the primary that gave these numbers, as Dialect counts them: one of an older timeline may
  /// have given the same to others. 0: not known.
  std::int64_t timeline = 0;

  bool is_nothing() const { return all_until <= 0 && own <= 0; }
};

/// The reads of one request that standbys may answer, for whoever accepts to see what was true a
/// moment ago. One standby answers them all, until the primary has to answer one: that and what
/// follows is the primary's, so that no read sees less than the one before it. Belongs to the
/// request and outlives its reads.
struct ReplicaReads {
  /// A standby that has not seen this yet is waited for, for a moment; then the primary answers:
  /// one that has, or that nobody has replaced, within the statement's deadline.
  Reached after;
  /// Set by the engine: which standby answered.
  std::optional<std::size_t> server;
  /// A read was the primary's. Where it is set from the beginning no standby is asked.
  bool is_on_primary = false;

  /// All that was read by now came from a standby.
  bool is_from_replica() const { return server.has_value() && !is_on_primary; }
};

}  // namespace minga::sql
