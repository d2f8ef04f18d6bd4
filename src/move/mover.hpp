#pragma once

#include <minga/async.hpp>

#include "move/source.hpp"
#include "records/definition.hpp"
#include "sql/database.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace minga::move {

/// How far it is: rows of a table.
struct Progress {
  char const* doing = "copying";  // copying, verifying
  std::string table;
  std::int64_t done = 0;
  std::int64_t total = 0;
};

struct Settings {
  /// Where the site goes, for people: it holds no password.
  std::string to;
  /// Writes are paused no longer than that; what takes longer lets them go on and tries again.
  std::chrono::milliseconds longest_pause{10'000};
  std::function<void(Progress const&)> progress;
};

struct MovedTable {
  std::string name;
  std::int64_t rows = 0;
  /// Of all rows, the same on both sides; "" where rows changed while they were compared: those
  /// were compared again, each by itself, in the pause.
  std::string checksum;
};

struct Report {
  std::vector<MovedTable> tables;
  std::chrono::milliseconds pause{0};
};

/// Carries a site from one database into another: collections, records, counters, idempotency keys,
/// settings. The log of changes begins anew in the target, as after a restore.
///
/// Tables are copied in the order of their keys, page by page, each page in one transaction with
/// the target's mark of how far it is: a move that was stopped goes on there. What is written
/// meanwhile is carried over by the source's log of changes. Then both sides are compared row by
/// row. At the end the writes are paused: the last changes, and what no log tells of (counters,
/// settings), are carried over, what changed since the comparison is compared, the source is
/// closed, and only then is the target a site.
class Mover {
 public:
  /// Both outlive it. All on one I/O thread.
  Mover(Source source, sql::Database& target, Settings settings);
  ~Mover();
  /// Throws std::exception with a sentence for the user. The source is as it was then, and goes on.
  Async<Report> run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minga::move
