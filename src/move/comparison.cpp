#include "move/comparison.hpp"

#include "move/checksum.hpp"

#include <algorithm>

namespace minga::move {
namespace {

constexpr std::int64_t kFirstPage = 256;
constexpr std::int64_t kLongestPage = 2'000;
constexpr std::size_t kPageBytes = 2 * 1024 * 1024;

/// One side of a comparison: its rows one after the other.
class Side {
 public:
  Side(sql::Database& database, Table const& table, std::string const& since)
      : pages_(database, table, std::nullopt, since), table_(table) {}

  bool needs_page() const { return at_ == rows_.size() && !has_ended_; }
  Async<void> load() {
    rows_ = co_await pages_.next();
    at_ = 0;
    has_ended_ = rows_.empty();
  }
  bool has_row() const { return at_ < rows_.size(); }
  Row const& row() const { return rows_[at_]; }
  Key key() const { return key_of(table_, row()); }
  void pass() {
    checksum_.add(row());
    ++at_;
    ++passed_;
  }
  std::int64_t passed() const { return passed_; }
  std::string checksum() const { return checksum_.text(); }

 private:
  Pages pages_;
  Table const& table_;
  std::vector<Row> rows_;
  std::size_t at_ = 0;
  bool has_ended_ = false;
  std::int64_t passed_ = 0;
  Checksum checksum_;
};

/// Passes the row that comes first, or the same one on both.
void step(Side& source, Side& target, Comparison const& comparison) {
  auto const order = !source.has_row()   ? 1
                     : !target.has_row() ? -1
                                         : compare_keys(source.key(), target.key());
  if (order < 0) {
    comparison.on_difference(source.key(), &source.row());
    source.pass();
  } else if (order > 0) {
    comparison.on_difference(target.key(), nullptr);
    target.pass();
  } else {
    if (!same_rows(source.row(), target.row()))
      comparison.on_difference(source.key(), &source.row());
    source.pass();
    target.pass();
  }
}

}  // namespace

Pages::Pages(sql::Database& database, Table const& table, std::optional<Key> after,
             std::string since)
    : database_(database),
      table_(table),
      sql_(table, database.dialect()),
      after_(std::move(after)),
      since_(std::move(since)),
      limit_(kFirstPage) {}

Async<std::vector<Row>> Pages::next() {
  std::vector<Row> page;
  if (has_ended_) co_return page;
  auto const rows = co_await database_.read(sql_.page(after_, since_, limit_));
  page.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) page.push_back(take_row(table_, rows, i));
  has_ended_ = rows.size() < static_cast<std::size_t>(limit_);
  if (!page.empty()) {
    after_ = key_of(table_, page.back());
    learn_size(page);
  }
  co_return page;
}

/// The next page is of about kPageBytes, if its rows are as large as these.
void Pages::learn_size(std::vector<Row> const& rows) {
  std::size_t bytes = 1;
  for (auto const& row : rows) bytes += bytes_of(row);
  auto const fitting = static_cast<std::int64_t>(kPageBytes * rows.size() / bytes);
  limit_ = std::clamp<std::int64_t>(fitting, 1, std::min(limit_ * 4, kLongestPage));
}

Async<Compared> compare(sql::Database& source, sql::Database& target, Table const& table,
                        Comparison const& comparison) {
  Side left(source, table, comparison.since);
  Side right(target, table, comparison.since);
  for (;;) {
    if (left.needs_page() || right.needs_page()) {
      co_await comparison.between_pages(left.passed());
      if (left.needs_page()) co_await left.load();
      if (right.needs_page()) co_await right.load();
    }
    if (!left.has_row() && !right.has_row()) break;
    while ((left.has_row() || right.has_row()) && !left.needs_page() && !right.needs_page())
      step(left, right, comparison);
  }
  Compared compared;
  compared.rows = left.passed();
  compared.source_checksum = left.checksum();
  compared.target_checksum = right.checksum();
  co_return compared;
}

Async<std::vector<Row>> find_rows(sql::Database& database, Table const& table,
                                  std::vector<Key> keys) {
  TableSql const sql(table, database.dialect());
  std::vector<Row> found;
  for (auto& statement : sql.find(keys)) {
    auto const rows = co_await database.read(std::move(statement));
    for (std::size_t i = 0; i < rows.size(); ++i) found.push_back(take_row(table, rows, i));
  }
  co_return found;
}

}  // namespace minga::move
