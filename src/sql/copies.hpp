#pragma once

#include "base/time_text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace minga::sql {

/// A server that has a copy of the database, as it is right now.
struct Copy {
  std::string name;   // "db1:5432"; an embedded database: its file
  std::string role;   // "primary", "standby"; "none": it does not answer
  std::string state;  // "running", "streaming", "unreachable", or the engine's word
  bool is_healthy = false;
  std::string problem;  // what is wrong; empty: nothing
  /// Of a standby: "sync": a write waits for it before it is answered; "async"; empty: it is not
  /// connected, or nobody may tell.
  std::string sync;
  std::optional<std::int64_t> timeline;
  std::optional<std::int64_t> lag_bytes;  // not yet visible to its readers
  std::optional<double> lag_seconds;      // age of the last change that they see; 0 when all
};

/// All copies of a database that the engine knows of.
struct Copies {
  std::vector<Copy> members;
  /// That hold a write before it is answered, right now. Nothing: the servers do not tell us.
  std::optional<std::int64_t> durable;
  /// When the primary took over from another. Nothing: it never did, or nobody may tell.
  std::optional<SystemTime> promoted_at;
};

}  // namespace minga::sql
