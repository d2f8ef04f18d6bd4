#include "records/change_log.hpp"

#include "base/json_text.hpp"
#include "base/time_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace minga::records {
namespace {

constexpr char const* kAppend =
    "INSERT INTO _changes (collection, record_id, action, record, before, at) VALUES ($1, $2, $3, "
    "$4, $5, $6)";
constexpr char const* kColumns = "collection, record_id, action, record, before";
constexpr char const* kTouched =
    "SELECT 0, number, '', TRUE, 0, collection, record_id FROM _changes WHERE number > $1 ORDER BY "
    "number LIMIT $2";
constexpr char const* kLastNumber = "SELECT COALESCE(MAX(number), 0) FROM _changes";
constexpr char const* kPruned = "SELECT value FROM _settings WHERE key = 'changes_pruned'";
/// One node prunes at a time: the row that every opened database has is locked for it.
constexpr char const* kPruneLock = "SELECT value FROM _settings WHERE key = 'epoch'";
constexpr char const* kMarkPruned =
    "INSERT INTO _settings (key, value) VALUES ('changes_pruned', $1) ON CONFLICT (key) DO UPDATE "
    "SET value = excluded.value";

JsonObject parse_object(std::string const& text) {
  if (text.empty()) return {};
  return read_json(text).as_object();
}

/// Of reads that another server answers than the commit that is to confirm them.
constexpr int kAttempts = 3;

/// Deleted at once: other writes wait no longer than for that.
constexpr std::int64_t kPruneBatch = 5'000;

Place place_at(sql::Rows const& rows, std::size_t row) {
  return {rows.integer(row, 0), rows.integer(row, 1)};
}

/// Of read_to_stay().
Place shown_at(sql::Rows const& rows, std::size_t row) {
  auto place = place_at(rows, row);
  place.timeline = rows.integer(row, 4);
  return place;
}

Place last_shown(sql::Rows const& rows) {
  return rows.empty() ? Place{} : shown_at(rows, rows.size() - 1);
}

sql::Error answered_by_another() {
  sql::Error error(sql::ErrorCode::connection_lost,
                   "Reads are answered by another server than writes.");
  error.retryable = true;
  return error;
}

}  // namespace

/// Places as (transaction, number); a place as two values, $1 and $2, or with one writer as $1.
/// newest_old: the newest of the first of them that is older than $1. The last of all stays, as
/// numbers grow from it; no index on `at` is needed, which every write would pay for.
ChangeLog::Statements ChangeLog::statements_of(sql::Dialect const& dialect) {
  auto const append = kAppend + dialect.returning_key("number");
  if (dialect.transaction_number().empty()) {
    return {append,
            "SELECT 0, COALESCE(MAX(number), 0), '', TRUE, 0 FROM _changes",
            fmt::format(
                "SELECT 0, number, '', TRUE, 0, {} FROM _changes WHERE number > $1 ORDER BY number "
                "LIMIT $2",
                kColumns),
            kTouched,
            kTouched,
            "SELECT $2 - $1 <= $3",
            "SELECT 0, MAX(number) FROM (SELECT number, at FROM _changes WHERE number < (SELECT "
            "MAX(number) FROM _changes) ORDER BY number LIMIT $2) AS oldest WHERE at < $1 "
            "HAVING MAX(number) > 0",
            "DELETE FROM _changes WHERE number <= $1"};
  }
  auto const published = fmt::format("transaction < {}", dialect.oldest_transaction());
  auto const last = fmt::format(
      "SELECT transaction, number FROM _changes WHERE {} ORDER BY transaction DESC, number DESC "
      "LIMIT 1",
      published);
  // Each is looked up once, not for each row.
  auto const witness = fmt::format("(SELECT {}), (SELECT {}), (SELECT {})", dialect.server(),
                                   dialect.is_replicated(), dialect.timeline());
  auto const page = [&witness](std::string_view columns, std::string_view condition) {
    return fmt::format(
        "SELECT transaction, number, {}, {} FROM _changes WHERE (transaction, number) > ($1, $2) "
        "AND {} ORDER BY transaction, number LIMIT $3",
        witness, columns, condition);
  };
  constexpr auto kTouchedColumns = "collection, record_id";
  return {
      fmt::format("{}, transaction, {}, {}, {}", append, dialect.oldest_transaction(),
                  dialect.own_transaction(), dialect.timeline()),
      fmt::format("SELECT COALESCE(transaction, 0), COALESCE(number, 0), {} FROM (SELECT 1) AS one "
                  "LEFT JOIN ({}) AS last ON TRUE",
                  witness, last),
      page(kColumns, published),
      page(kTouchedColumns, published),
      page(kTouchedColumns, "TRUE"),
      "SELECT COUNT(*) <= $5 FROM (SELECT 1 FROM _changes WHERE (transaction, number) > ($1, "
      "$2) AND (transaction, number) <= ($3, $4) LIMIT $5 + 1) AS nearest",
      fmt::format("SELECT transaction, number FROM (SELECT transaction, number, at FROM _changes "
                  "WHERE (transaction, number) < ({}) ORDER BY transaction, number LIMIT $2) "
                  "AS oldest WHERE at < $1 ORDER BY transaction DESC, number DESC LIMIT 1",
                  last),
      "DELETE FROM _changes WHERE (transaction, number) <= ($1, $2)"};
}

sql::Params ChangeLog::place_values(Place place) const {
  sql::Params values;
  if (has_transactions_) values.emplace_back(place.transaction);
  values.emplace_back(place.number);
  return values;
}

/// With the columns place, place, server, is_replicated, timeline, ...: rows that a failover cannot
/// take back.
Async<sql::Rows> ChangeLog::read_to_stay(std::string sql, sql::Params values, Freshness freshness,
                                         Deadline deadline) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    sql::Statement statement(sql, values, deadline);
    auto const rows = co_await database_.read(std::move(statement));
    if (rows.empty()) co_return rows;
    auto const place = last_shown(rows);
    auto const& server = rows.text(0, 2);
    auto const is_seen = rows.boolean(0, 3) || is_confirmed(server, place);
    auto stays = server.empty() || (is_seen && freshness == Freshness::any);
    if (!stays) stays = co_await confirm(server, deadline);
    if (!stays) continue;
    note_confirmed(server, place);
    co_return rows;
  }
  throw answered_by_another();
}

Async<bool> ChangeLog::confirm(std::string server, Deadline deadline) {
  sql::Statement statement(std::string(database_.dialect().confirm()), {}, deadline);
  try {
    auto const rows = co_await database_.write(std::move(statement));
    co_return rows.text(0, 0) == server;
  } catch (sql::Error const& error) {
    if (!error.commit_in_doubt && !error.is_committed) throw;
  }
  co_return false;
}

/// What lies before a place that a server has shown, it had shown then, too.
bool ChangeLog::is_confirmed(std::string const& server, Place place) const {
  std::lock_guard const lock(mutex_);
  return server == confirmed_on_ && place <= published_;
}

void ChangeLog::note_confirmed(std::string const& server, Place place) {
  std::lock_guard const lock(mutex_);
  if (server == confirmed_on_ && place <= published_) return;
  published_ = std::max(published_, place);
  confirmed_on_ = server;
}

Async<void> ChangeLog::prune_in(sql::Transaction& transaction, std::string until,
                                std::int64_t& removed) const {
  sql::Statement lock(kPruneLock + std::string(database_.dialect().for_update()));
  co_await transaction.execute(std::move(lock));
  sql::Params until_values{std::move(until), kPruneBatch};
  sql::Statement newest_old(statements_.newest_old, std::move(until_values));
  auto const found = co_await transaction.execute(std::move(newest_old));
  removed = 0;
  if (found.empty()) co_return;
  auto const place = place_at(found, 0);
  sql::Statement prune(statements_.prune, place_values(place));
  removed = (co_await transaction.execute(std::move(prune))).affected();
  sql::Params mark_values{place.text()};
  sql::Statement mark(kMarkPruned, std::move(mark_values));
  co_await transaction.execute(std::move(mark));
}

std::string_view name(Action action) {
  switch (action) {
    case Action::create:
      return "create";
    case Action::update:
      return "update";
    case Action::delete_:
      return "delete";
  }
  return "create";
}

std::vector<sql::Statement> new_epoch() {
  return {sql::Statement("DELETE FROM _changes"),
          sql::Statement("DELETE FROM _settings WHERE key IN ('epoch', 'changes_pruned')")};
}

ChangeLog::ChangeLog(sql::Database& database)
    : database_(database),
      has_transactions_(!database.dialect().transaction_number().empty()),
      statements_(statements_of(database.dialect())) {}

Async<Position> ChangeLog::last_at(Freshness freshness, Deadline deadline) {
  sql::Params const none;
  auto const rows = co_await read_to_stay(statements_.last, none, freshness, deadline);
  co_return Position{epoch_, shown_at(rows, 0)};
}

Async<std::vector<Change>> ChangeLog::after(Place place, std::int64_t limit, Deadline deadline) {
  auto values = place_values(place);
  values.emplace_back(limit);
  auto const rows =
      co_await read_to_stay(statements_.after, std::move(values), Freshness::any, deadline);
  std::vector<Change> changes;
  changes.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Change change;
    change.place = shown_at(rows, i);
    change.collection = rows.text(i, 5);
    change.record_id = rows.text(i, 6);
    change.action = static_cast<Action>(rows.integer(i, 7));
    change.record = parse_object(rows.text(i, 8));
    change.before = parse_object(rows.text(i, 9));
    changes.push_back(std::move(change));
  }
  co_return changes;
}

Async<std::vector<Touched>> ChangeLog::touched_after(Place place, std::int64_t limit, bool is_held,
                                                     Deadline deadline) {
  auto values = place_values(place);
  values.emplace_back(limit);
  auto const rows = co_await read_to_stay(is_held ? statements_.touched_held : statements_.touched,
                                          std::move(values), Freshness::any, deadline);
  std::vector<Touched> touched;
  touched.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    touched.push_back({shown_at(rows, i), rows.text(i, 5), rows.text(i, 6)});
  co_return touched;
}

Async<bool> ChangeLog::is_near(Place from, Place until, std::int64_t bound, Deadline deadline) {
  auto values = place_values(from);
  auto more = place_values(until);
  std::move(more.begin(), more.end(), std::back_inserter(values));
  values.emplace_back(bound);
  sql::Statement statement(statements_.near, std::move(values), deadline);
  auto const rows = co_await database_.read(std::move(statement));
  co_return rows.boolean(0, 0);
}

Async<Place> ChangeLog::first_kept(Deadline deadline) {
  auto const rows = co_await database_.read(sql::Statement(kPruned, {}, deadline));
  if (rows.empty()) co_return Place{};
  auto const place = Place::parse(rows.text(0, 0));
  if (!place) {
    throw std::runtime_error(
        fmt::format("_settings has '{}' as changes_pruned, which is no place.", rows.text(0, 0)));
  }
  co_return *place;
}

Place ChangeLog::place_of(sql::Rows const& appended) const {
  if (!has_transactions_) return {0, appended.inserted_key()};
  auto const transaction = appended.integer(0, 1);
  auto const timeline = appended.integer(0, 4);
  if (appended.integer(0, 2) >= transaction)
    return {transaction, appended.integer(0, 0), 0, timeline};
  return published_before(appended.integer(0, 3), timeline);
}

Place ChangeLog::published_before(std::int64_t own, std::int64_t timeline) const {
  std::lock_guard const lock(mutex_);
  auto place = published_;
  place.own = own;
  place.timeline = timeline;
  return place;
}

Async<Place> ChangeLog::place_in(sql::Transaction& transaction) const {
  auto const& dialect = database_.dialect();
  auto sql = has_transactions_
                 ? fmt::format("SELECT {}, {}", dialect.own_transaction(), dialect.timeline())
                 : std::string(kLastNumber);
  auto const rows = co_await transaction.execute(sql::Statement(std::move(sql)));
  auto const number = rows.integer(0, 0);
  co_return has_transactions_ ? published_before(number, rows.integer(0, 1)) : Place{0, number};
}

Async<std::int64_t> ChangeLog::prune(std::chrono::seconds keep, Deadline deadline) {
  std::int64_t all = 0;
  std::int64_t removed = kPruneBatch;
  auto until = format_time(now_millis() - keep);
  while (removed == kPruneBatch) {
    sql::TransactionBody body = [this, &removed, until](sql::Transaction& transaction) {
      return prune_in(transaction, until, removed);
    };
    co_await database_.transact(std::move(body), deadline);
    all += removed;
  }
  co_return all;
}

sql::Statement ChangeLog::append(std::string collection, std::string record_id, Action action,
                                 std::string record, std::string before) const {
  sql::Params values;
  values.reserve(6);
  values.emplace_back(std::move(collection));
  values.emplace_back(std::move(record_id));
  values.emplace_back(static_cast<std::int64_t>(action));
  values.emplace_back(std::move(record));
  values.emplace_back(std::move(before));
  values.emplace_back(format_time(now_millis()));
  return sql::Statement(statements_.append, std::move(values));
}

}  // namespace minga::records
