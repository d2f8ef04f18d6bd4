#include "move/source.hpp"

#include "move/fence.hpp"
#include "records/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <xxhash.h>

namespace minga::move {
namespace {

constexpr char const* kApplied = "SELECT COUNT(*) FROM _migrations WHERE number > 0";
constexpr char const* kDefinitions = "SELECT id, name, definition FROM _collections ORDER BY id";

/// Lets the writes go on when it goes.
class HeldPause : public Pause {
 public:
  HeldPause(sql::Database& database, std::unique_ptr<sql::HeldWrites> held)
      : database_(database), held_(std::move(held)) {}
  Async<void> close(std::string to) override {
    co_await held_->finish(fence(database_.dialect(), to));
  }

 private:
  sql::Database& database_;
  std::unique_ptr<sql::HeldWrites> held_;
};

class NothingToPause : public Pause {
 public:
  Async<void> close(std::string) override { co_return; }
};

Async<std::unique_ptr<Pause>> hold(sql::Database* database, Deadline deadline) {
  auto held = co_await database->hold_writes(gates(), deadline);
  co_return std::make_unique<HeldPause>(*database, std::move(held));
}

Async<std::unique_ptr<Pause>> need_no_pause() {
  co_return std::make_unique<NothingToPause>();
}

Async<void> require_version(sql::Database& database) {
  auto const applied = co_await database.read(sql::Statement(kApplied));
  auto const known = static_cast<std::int64_t>(records::platform_migrations().size());
  if (applied.integer(0, 0) > known) {
    throw std::runtime_error(
        fmt::format("The site to move is of a newer version of minga: its tables are of version "
                    "{}, this program knows {}. Move it with that version.",
                    applied.integer(0, 0), known));
  }
  if (applied.integer(0, 0) < known) {
    throw std::runtime_error(fmt::format(
        "The site to move is of an earlier version of minga: its tables are of version {}, this "
        "program's are of {}. Serve it once with this version, then move it.",
        applied.integer(0, 0), known));
  }
}

}  // namespace

Source shared_source(sql::Database& database) {
  auto pause = [&database](Deadline deadline) {
    return hold(&database, deadline);
  };
  return {database, std::move(pause)};
}

Source own_source(sql::Database& database) {
  auto pause = [](Deadline) {
    return need_no_pause();
  };
  return {database, std::move(pause)};
}

Async<std::vector<StoredDefinition>> read_definitions(sql::Database& database) {
  auto const rows = co_await database.read(sql::Statement(kDefinitions));
  std::vector<StoredDefinition> definitions;
  for (std::size_t i = 0; i < rows.size(); ++i)
    definitions.push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2)});
  co_return definitions;
}

Async<Origin> read_origin(sql::Database& database) {
  auto const tables = co_await tables_of(database);
  for (std::string const table : {"_migrations", "_settings", "_collections"}) {
    if (std::find(tables.begin(), tables.end(), table) != tables.end()) continue;
    throw std::runtime_error("The database to move from holds no site of minga's.");
  }
  co_await require_version(database);
  auto const secret = co_await find_setting(database, "signing_secret");
  auto const epoch = co_await find_setting(database, "epoch");
  if (!secret || !epoch) {
    throw std::runtime_error(
        "The site to move was never served since it was made or restored. Serve it once, then move "
        "it.");
  }
  auto const text = *secret + "\n" + *epoch;
  Origin origin;
  origin.identity = fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
  origin.definitions = co_await read_definitions(database);
  co_return origin;
}

Async<std::vector<records::Touched>> touched_after(sql::Database& database, records::Place place,
                                                   std::int64_t limit, bool paused) {
  records::ChangeLog log(database);
  co_return co_await log.touched_after(place, limit, paused, kNoDeadline);
}

Async<void> require_log_since(sql::Database& database, records::Place place) {
  records::ChangeLog log(database);
  auto const first = co_await log.first_kept(kNoDeadline);
  if (place >= first) co_return;
  throw std::runtime_error(
      "The source's log of changes does not reach back any more to where this move was stopped. "
      "Empty the target and move again.");
}

Async<records::Place> last_place(sql::Database& database) {
  records::ChangeLog log(database);
  co_return (co_await log.last(kNoDeadline)).place;
}

}  // namespace minga::move
