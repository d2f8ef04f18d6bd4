#include "move/mover.hpp"

#include "base/time_text.hpp"
#include "move/checksum.hpp"
#include "move/comparison.hpp"
#include "move/fence.hpp"
#include "move/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

namespace minga::move {
namespace {

using namespace std::chrono_literals;

/// The log is followed at least so often, however long the copying takes: it is kept for an hour.
constexpr auto kFollowEvery = 30s;
constexpr std::int64_t kLogPage = 2'000;
/// Changes that the pause may wait for; and how often more of them are carried over before it.
constexpr std::size_t kNear = 500;
constexpr int kRounds = 10'000;
constexpr int kPauses = 3;
/// A key is stored with the time its request began by its node's clock, and seen when it commits.
constexpr auto kIdempotencyMargin = 2min;
/// Rows that may differ before the comparison is given up.
constexpr std::size_t kMostSuspects = 100'000;
constexpr std::size_t kChunk = 500;

constexpr char const* kSettings = "SELECT key, value FROM _settings ORDER BY key";
/// Of the source alone: its log's, and its own part in moves.
constexpr std::array<std::string_view, 4> kOwnSettings{"epoch", "changes_pruned", kMarkSetting,
                                                       kMovedSetting};

/// The pause took too long: the writes go on, and it is tried again.
struct TooLong {};

void check_time(Deadline deadline) {
  if (has_passed(deadline)) throw TooLong{};
}

void add(Keys& keys, Keys const& more) {
  for (auto const& [table, of_table] : more) keys[table].insert(of_table.begin(), of_table.end());
}

std::runtime_error differs(std::string const& table, std::string const& key) {
  return std::runtime_error(
      fmt::format("The target is not the same as the source: {} {} differs. The source is as it "
                  "was. Empty the target and move again.",
                  table, key));
}

Async<std::int64_t> count(sql::Database& database, Table const& table) {
  TableSql const sql(table, database.dialect());
  auto const rows = co_await database.read(sql.count());
  co_return rows.integer(0, 0);
}

}  // namespace

struct Mover::Impl {
  Impl(Source from, sql::Database& to, Settings with)
      : source(std::move(from)), target(to), settings(std::move(with)) {}

  Async<Report> run();
  Async<void> begin();
  Async<void> copy(Table const& table);
  Async<void> keep_up();
  Async<std::size_t> follow(bool paused);
  Keys keys_of(std::vector<records::Touched> const& touched) const;
  Async<void> come_near();
  Async<void> verify(Table const& table);
  Async<void> sync(Table const& table, std::string since);
  Async<void> between_pages(char const* doing, std::string table, std::int64_t total,
                            std::int64_t done);
  Async<bool> finish(Report& report);
  Async<void> finish_in(Pause& pause, Deadline deadline, Report& report);
  Async<void> check_again(Table const& table);
  Async<void> check_count(Table const& table, Report& report);
  Async<std::vector<std::pair<std::string, std::string>>> read_settings();
  Async<void> refuse_changed_definitions();
  void report_progress(char const* doing, std::string const& table, std::int64_t done,
                       std::int64_t total) const;

  Source source;
  Target target;
  Settings settings;
  Origin origin;
  Clock::time_point followed_at = Clock::now();
  /// Records that changed, or seemed to differ, since their tables began to be compared.
  Keys doubtful;
  std::map<std::string, std::string> checksums;  // by table, of those that were found the same
  std::string keys_seen_until;                   // idempotency keys created before it are compared
};

Async<Report> Mover::Impl::run() {
  co_await begin();
  for (auto const& table : target.tables()) co_await copy(table);
  co_await copy(idempotency());
  co_await come_near();
  co_await target.make_indexes();
  doubtful.clear();
  for (auto const& table : target.tables()) co_await verify(table);
  keys_seen_until = format_time(now_millis() - kIdempotencyMargin);
  co_await sync(idempotency(), "");
  Report report;
  for (int i = 0; i < kPauses; ++i) {
    co_await come_near();
    if (co_await finish(report)) co_return report;
  }
  throw std::runtime_error(
      fmt::format("The last changes took longer than {} ms, three times: writes were not kept "
                  "waiting any longer. Allow more with --pause, or move when less is written. The "
                  "same command goes on where it was.",
                  settings.longest_pause.count()));
}

Async<void> Mover::Impl::begin() {
  origin = co_await read_origin(source.database);
  auto const from = co_await last_place(source.database);
  // Moved away already: then only the same move may go on, which was stopped at its very end.
  auto const mark = co_await find_setting(target.database(), kMarkSetting);
  if (!mark) co_await refuse_moved(source.database);
  co_await target.begin(origin, from);
  co_await require_log_since(source.database, target.mark().place);
}

void Mover::Impl::report_progress(char const* doing, std::string const& table, std::int64_t done,
                                  std::int64_t total) const {
  if (!settings.progress) return;
  Progress progress;
  progress.doing = doing;
  progress.table = table;
  progress.done = done;
  progress.total = std::max(done, total);
  settings.progress(progress);
}

Async<void> Mover::Impl::copy(Table const& table) {
  auto const& mark = target.mark();
  if (mark.copied.contains(table.name)) co_return;
  auto const total = co_await count(source.database, table);
  auto const begun = mark.after.find(table.name);
  std::optional<Key> after;
  std::int64_t done = 0;
  if (begun != mark.after.end()) {
    after = begun->second;
    done = co_await count(target.database(), table);
  }
  Pages pages(source.database, table, std::move(after));
  for (;;) {
    auto rows = co_await pages.next();
    if (rows.empty()) break;
    done += static_cast<std::int64_t>(rows.size());
    co_await target.copy(table, std::move(rows));
    report_progress("copying", table.name, done, total);
    co_await keep_up();
  }
  co_await target.end_copy(table);
}

Async<void> Mover::Impl::keep_up() {
  if (Clock::now() - followed_at < kFollowEvery) co_return;
  co_await follow(false);
}

Keys Mover::Impl::keys_of(std::vector<records::Touched> const& touched) const {
  Keys keys;
  for (auto const& each : touched) {
    for (std::size_t i = 0; i < target.definitions().size(); ++i) {
      if (target.definitions()[i].id != each.collection) continue;
      auto const& table = target.tables()[i].name;
      // What is not copied yet will be, as it is then.
      if (target.mark().covers(table, Key(1, each.record_id))) keys[table].insert(each.record_id);
    }
  }
  return keys;
}

/// Carries over what the log has; says how many changes that were. Paused, all of it at once, so
/// that nothing stands in the way of a unique index; else a page, and later once more where
/// something did.
Async<std::size_t> Mover::Impl::follow(bool paused) {
  followed_at = Clock::now();
  Keys keys;
  std::size_t changes = 0;
  auto place = target.mark().place;
  for (;;) {
    auto const touched = co_await touched_after(source.database, place, kLogPage, paused);
    if (touched.empty()) break;
    changes += touched.size();
    place = touched.back().place;
    add(keys, keys_of(touched));
    if (!paused) break;
  }
  if (place == target.mark().place) co_return 0;
  add(doubtful, keys);
  auto const done = co_await target.carry_over(source.database, keys);
  if (!done && paused)
    throw std::runtime_error("Records of the source are not unique where they must be.");
  if (done) co_await target.pass(place);
  co_return done ? changes : 0;
}

Async<void> Mover::Impl::come_near() {
  for (int i = 0; i < kRounds; ++i) {
    if (co_await follow(false) <= kNear) co_return;
  }
}

Async<void> Mover::Impl::between_pages(char const* doing, std::string table, std::int64_t total,
                                       std::int64_t done) {
  report_progress(doing, table, done, total);
  co_await keep_up();
}

Async<void> Mover::Impl::verify(Table const& table) {
  auto const total = co_await count(source.database, table);
  auto& suspects = doubtful[table.name];
  Comparison comparison;
  comparison.on_difference = [&suspects, &table](Key const& key, Row const*) {
    suspects.insert(text_of(key));
    if (suspects.size() > kMostSuspects) throw differs(table.name, *suspects.begin());
  };
  comparison.between_pages = [this, &table, total](std::int64_t done) {
    return between_pages("verifying", table.name, total, done);
  };
  auto const compared = co_await compare(source.database, target.database(), table, comparison);
  if (compared.source_checksum == compared.target_checksum)
    checksums[table.name] = compared.source_checksum;
}

/// Makes a table that no log tells of the same.
Async<void> Mover::Impl::sync(Table const& table, std::string since) {
  TableSql const sql(table, target.database().dialect());
  std::vector<sql::Statement> statements;
  Comparison comparison;
  comparison.since = std::move(since);
  comparison.on_difference = [&statements, &sql](Key const& key, Row const* in_source) {
    statements.push_back(sql.remove(key));
    if (in_source != nullptr) statements.push_back(sql.insert(*in_source));
  };
  comparison.between_pages = [](std::int64_t) -> Async<void> {
    co_return;
  };
  co_await compare(source.database, target.database(), table, comparison);
  for (std::size_t at = 0; at < statements.size(); at += kChunk) {
    auto const end = std::min(at + kChunk, statements.size());
    std::vector<sql::Statement> chunk(
        std::make_move_iterator(statements.begin() + static_cast<std::ptrdiff_t>(at)),
        std::make_move_iterator(statements.begin() + static_cast<std::ptrdiff_t>(end)));
    co_await target.apply(std::move(chunk));
  }
}

Async<bool> Mover::Impl::finish(Report& report) {
  auto const began = Clock::now();
  auto const deadline = began + settings.longest_pause;
  try {
    auto const pause = co_await source.pause(deadline);
    co_await finish_in(*pause, deadline, report);
  } catch (TooLong const&) {
    co_return false;
  } catch (sql::Error const& error) {
    if (error.code() != sql::ErrorCode::deadline) throw;
    co_return false;
  }
  report.pause = std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - began);
  co_return true;
}

Async<void> Mover::Impl::finish_in(Pause& pause, Deadline deadline, Report& report) {
  report = {};
  co_await refuse_changed_definitions();
  co_await follow(true);
  check_time(deadline);
  if (!co_await target.make_indexes())
    throw std::runtime_error("Records of the source are not unique where they must be.");
  co_await sync(counters(), "");
  co_await sync(idempotency(), keys_seen_until);
  for (auto const& table : target.tables()) {
    check_time(deadline);
    co_await check_again(table);
    co_await check_count(table, report);
  }
  co_await check_count(counters(), report);
  auto carried = co_await read_settings();
  check_time(deadline);
  co_await pause.close(settings.to);
  // The site is closed where it was. Until the target is complete it is nowhere.
  try {
    co_await target.complete(std::move(carried));
  } catch (sql::Error const& error) {
    throw std::runtime_error(
        fmt::format("Everything is carried over and the source is closed, but the target could not "
                    "be opened: {}. Run the same command again, which does that.",
                    error.what()));
  }
}

Async<void> Mover::Impl::refuse_changed_definitions() {
  auto const now = co_await read_definitions(source.database);
  if (now == origin.definitions) co_return;
  throw std::runtime_error(
      "The collections of the site were changed while it moved. Empty the target and move again.");
}

/// The records of the table that changed since it was compared, or seemed to differ then.
Async<void> Mover::Impl::check_again(Table const& table) {
  auto const found = doubtful.find(table.name);
  if (found == doubtful.end()) co_return;
  auto const& ids = found->second;
  for (auto at = ids.begin(); at != ids.end();) {
    std::vector<Key> keys;
    for (; at != ids.end() && keys.size() < kChunk; ++at) keys.push_back(Key(1, *at));
    auto here = co_await find_rows(source.database, table, keys);
    auto there = co_await find_rows(target.database(), table, std::move(keys));
    auto const by_key = [&table](Row const& a, Row const& b) {
      return compare_keys(key_of(table, a), key_of(table, b)) < 0;
    };
    std::sort(here.begin(), here.end(), by_key);
    std::sort(there.begin(), there.end(), by_key);
    for (std::size_t i = 0; i < std::max(here.size(), there.size()); ++i) {
      if (i < here.size() && i < there.size() && same_rows(here[i], there[i])) continue;
      auto const& row = i < here.size() ? here[i] : there[i];
      throw differs(table.name, text_of(key_of(table, row)));
    }
  }
}

Async<void> Mover::Impl::check_count(Table const& table, Report& report) {
  auto const here = co_await count(source.database, table);
  auto const there = co_await count(target.database(), table);
  if (here != there) {
    throw std::runtime_error(
        fmt::format("The target is not the same as the source: {} has {} rows there and {} here. "
                    "The source is as it was. Empty the target and move again.",
                    table.name, there, here));
  }
  MovedTable moved;
  moved.name = table.name;
  moved.rows = here;
  auto const changed = doubtful.find(table.name);
  if (changed == doubtful.end() || changed->second.empty()) moved.checksum = checksums[table.name];
  report.tables.push_back(std::move(moved));
}

Async<std::vector<std::pair<std::string, std::string>>> Mover::Impl::read_settings() {
  auto const rows = co_await source.database.read(sql::Statement(kSettings));
  std::vector<std::pair<std::string, std::string>> carried;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto const& key = rows.text(i, 0);
    if (std::find(kOwnSettings.begin(), kOwnSettings.end(), key) == kOwnSettings.end())
      carried.emplace_back(key, rows.text(i, 1));
  }
  co_return carried;
}

Mover::Mover(Source source, sql::Database& target, Settings settings)
    : impl_(std::make_unique<Impl>(std::move(source), target, std::move(settings))) {}
Mover::~Mover() = default;

Async<Report> Mover::run() {
  co_return co_await impl_->run();
}

}  // namespace minga::move
