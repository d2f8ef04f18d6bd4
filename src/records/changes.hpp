#pragma once

#include <minga/json.hpp>

#include "records/bells.hpp"
#include "records/position.hpp"
#include "sql/database.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

enum class Action { create, update, delete_ };
std::string_view name(Action action);

/// One committed change of a record.
struct Change {
  Place place;
  std::string collection;  // its id
  std::string record_id;
  Action action = Action::create;
  JsonObject record;  // what the change left; delete: what it last was
  JsonObject before;  // update: what it was; else empty
};

/// The change log `_changes`: every committed change of a record in commit order, written in the
/// write's own transaction. What it shows stays: where commits wait for standbys, changes are shown
/// once standbys have them, which takes a commit of its own where that is not known otherwise.
class Changes {
 public:
  virtual ~Changes() = default;

  virtual std::string const& epoch() const = 0;
  /// The last position that is visible to all.
  virtual Async<Position> last(Deadline deadline) = 0;
  /// The same, and certainly not of a primary that was replaced and does not know it yet.
  virtual Async<Position> latest(Deadline deadline) = 0;
  /// Up to `limit` changes after `place`, in the log's order. None comes before the last of them
  /// any more: what a transaction may still commit before it holds it back.
  virtual Async<std::vector<Change>> after(Place place, std::int64_t limit, Deadline deadline) = 0;
  /// Whether no more than `bound` changes lie after `from` up to `until`.
  virtual Async<bool> is_near(Place from, Place until, std::int64_t bound, Deadline deadline) = 0;
  /// The lowest place for which after() still misses nothing: what came up to it may have been
  /// removed.
  virtual Async<Place> first_kept(Deadline deadline) = 0;
  /// Removes changes older than `keep`, a few thousand in each transaction, and never the last one;
  /// says how many.
  virtual Async<std::int64_t> prune(std::chrono::seconds keep, Deadline deadline) = 0;

  /// Rung after commits that appended changes.
  virtual Bells& bells() = 0;
};

}  // namespace minga::records
