#include "records/change_log.hpp"

#include "base/json_text.hpp"
#include "base/time_text.hpp"

#include <fmt/format.h>

#include <charconv>

namespace minga::records {
namespace {

constexpr char const* kAppend =
    "INSERT INTO _changes (collection, record_id, action, record, before, at) VALUES ($1, $2, $3, "
    "$4, $5, $6)";
constexpr char const* kLast = "SELECT COALESCE(MAX(number), 0) FROM _changes";
constexpr char const* kAfter =
    "SELECT number, collection, record_id, action, record, before FROM _changes WHERE number > $1 "
    "ORDER BY number LIMIT $2";
constexpr char const* kPruned = "SELECT value FROM _settings WHERE key = 'changes_pruned'";
/// The newest of the first $2 that is older than $1. The last of all stays, as numbers grow from
/// it; no index on `at` is needed, which every write would pay for.
constexpr char const* kNewestOld =
    "SELECT COALESCE(MAX(number), 0) FROM (SELECT number, at FROM _changes WHERE number < (SELECT "
    "MAX(number) FROM _changes) ORDER BY number LIMIT $2) AS oldest WHERE at < $1";
constexpr char const* kPrune = "DELETE FROM _changes WHERE number <= $1";
constexpr char const* kMarkPruned =
    "INSERT INTO _settings (key, value) VALUES ('changes_pruned', $1) ON CONFLICT (key) DO UPDATE "
    "SET value = excluded.value";

JsonObject parse_object(std::string const& text) {
  if (text.empty()) return {};
  return read_json(text).as_object();
}

/// Deleted at once: other writes wait no longer than for that.
constexpr std::int64_t kPruneBatch = 5'000;

Async<void> prune_in(sql::Transaction& transaction, std::string until, std::int64_t& removed) {
  sql::Params until_values{std::move(until), kPruneBatch};
  sql::Statement newest_old(kNewestOld, std::move(until_values));
  auto const number = (co_await transaction.execute(std::move(newest_old))).integer(0, 0);
  removed = 0;
  if (number == 0) co_return;
  sql::Params number_values{number};
  sql::Statement prune(kPrune, std::move(number_values));
  removed = (co_await transaction.execute(std::move(prune))).affected();
  sql::Params mark_values{std::to_string(number)};
  sql::Statement mark(kMarkPruned, std::move(mark_values));
  co_await transaction.execute(std::move(mark));
}

}  // namespace

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

std::string Position::text() const {
  return fmt::format("{}-{}", epoch, number);
}

std::optional<Position> Position::parse(std::string_view text) {
  auto const dash = text.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == text.size()) return std::nullopt;
  Position position;
  position.epoch = text.substr(0, dash);
  auto const digits = text.substr(dash + 1);
  auto const [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), position.number);
  if (error != std::errc{} || end != digits.data() + digits.size() || position.number < 0)
    return std::nullopt;
  return position;
}

ChangeLog::ChangeLog(sql::Database& database)
    : database_(database), append_(kAppend + database.dialect().returning_key("number")) {}

Async<Position> ChangeLog::last(Deadline deadline) {
  auto const rows = co_await database_.read(sql::Statement(kLast, {}, deadline));
  co_return Position{epoch_, rows.integer(0, 0)};
}

Async<std::vector<Change>> ChangeLog::after(std::int64_t number, std::int64_t limit,
                                            Deadline deadline) {
  sql::Params values{number, limit};
  sql::Statement statement(kAfter, std::move(values), deadline);
  auto const rows = co_await database_.read(std::move(statement));
  std::vector<Change> changes;
  changes.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Change change;
    change.number = rows.integer(i, 0);
    change.collection = rows.text(i, 1);
    change.record_id = rows.text(i, 2);
    change.action = static_cast<Action>(rows.integer(i, 3));
    change.record = parse_object(rows.text(i, 4));
    change.before = parse_object(rows.text(i, 5));
    changes.push_back(std::move(change));
  }
  co_return changes;
}

Async<std::int64_t> ChangeLog::first_kept(Deadline deadline) {
  auto const rows = co_await database_.read(sql::Statement(kPruned, {}, deadline));
  co_return rows.empty() ? 0 : std::stoll(rows.text(0, 0));
}

Async<std::int64_t> ChangeLog::prune(std::chrono::seconds keep, Deadline deadline) {
  std::int64_t all = 0;
  std::int64_t removed = kPruneBatch;
  auto until = format_time(now_millis() - keep);
  while (removed == kPruneBatch) {
    sql::TransactionBody body = [&removed, until](sql::Transaction& transaction) {
      return prune_in(transaction, until, removed);
    };
    co_await database_.transact(std::move(body), deadline);
    all += removed;
  }
  co_return all;
}

void ChangeLog::on_commit(std::function<void()> ring) {
  std::lock_guard const lock(mutex_);
  bells_.push_back(std::move(ring));
}

void ChangeLog::ring() const {
  std::lock_guard const lock(mutex_);
  for (auto const& bell : bells_) bell();
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
  return sql::Statement(append_, std::move(values));
}

}  // namespace minga::records
