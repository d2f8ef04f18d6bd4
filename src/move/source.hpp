#pragma once

#include <minga/async.hpp>

#include "move/table.hpp"
#include "records/change_log.hpp"
#include "sql/database.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace minga::move {

/// While it lives no write to the source is committed. It goes on the I/O thread it was made on.
class Pause {
 public:
  virtual ~Pause() = default;
  /// The site is `to`'s from now on: no further write of the source is ever answered with success.
  /// Throws where the pause was lost meanwhile; then nothing is done.
  virtual Async<void> close(std::string to) = 0;
};

/// A database to move from, and how its writes are paused.
struct Source {
  sql::Database& database;
  std::function<Async<std::unique_ptr<Pause>>(Deadline deadline)> pause;
};

/// Of a database that servers may be using, through its own connections.
Source shared_source(sql::Database& database);
/// Of a file that this process has to itself: nothing needs pausing, and the file stays as it is.
Source own_source(sql::Database& database);

/// A collection as it is written down.
struct StoredDefinition {
  std::string id, name, definition;
  friend bool operator==(StoredDefinition const&, StoredDefinition const&) = default;
};

/// What is moved.
struct Origin {
  std::string identity;  // of the site and its log: another one after a restore
  std::vector<StoredDefinition> definitions;  // by id
};

/// Throws std::runtime_error where the database holds no site of this version.
Async<Origin> read_origin(sql::Database& database);
Async<std::vector<StoredDefinition>> read_definitions(sql::Database& database);

/// Changes after a place, which no failover takes back. `paused`: all that there are; else those
/// before which none can come any more.
Async<std::vector<records::Touched>> touched_after(sql::Database& database, records::Place place,
                                                   std::int64_t limit, bool paused);

/// Throws std::runtime_error where the log does not reach back to the place any more.
Async<void> require_log_since(sql::Database& database, records::Place place);
/// The last place in the log before which no change can come any more.
Async<records::Place> last_place(sql::Database& database);

}  // namespace minga::move
