#pragma once

#include <minga/json.hpp>

#include "sql/database.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

enum class Action { create, update, delete_ };
std::string_view name(Action action);

/// One committed change of a record.
struct Change {
  std::int64_t number = 0;
  std::string collection;  // its id
  std::string record_id;
  Action action = Action::create;
  JsonObject record;  // what the change left; delete: what it last was
  JsonObject before;  // update: what it was; else empty
};

/// A position in the change log: "EPOCH-N". Positions of one epoch compare by N.
struct Position {
  std::string epoch;
  std::int64_t number = 0;

  std::string text() const;
  /// Nothing when it is malformed.
  static std::optional<Position> parse(std::string_view text);
};

/// The change log `_changes`: every committed change of a record in commit order, written in the
/// write's own transaction.
class Changes {
 public:
  virtual ~Changes() = default;

  virtual std::string const& epoch() const = 0;
  /// The last position that is visible to all.
  virtual Async<Position> last(Deadline deadline) = 0;
  /// Up to `limit` changes after `number`, in commit order, with no gap below the last of them.
  virtual Async<std::vector<Change>> after(std::int64_t number, std::int64_t limit,
                                           Deadline deadline) = 0;
  /// The lowest number N for which after(N) still misses nothing: what came up to it may have been
  /// removed.
  virtual Async<std::int64_t> first_kept(Deadline deadline) = 0;
  /// Removes changes older than `keep`, a few thousand in each transaction, and never the last one;
  /// says how many.
  virtual Async<std::int64_t> prune(std::chrono::seconds keep, Deadline deadline) = 0;

  /// Calls `ring` (from any thread, quickly, without blocking) after a commit of this process that
  /// appended changes.
  virtual void on_commit(std::function<void()> ring) = 0;
};

}  // namespace minga::records
