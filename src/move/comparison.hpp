#pragma once

#include <minga/async.hpp>

#include "move/table.hpp"
#include "sql/database.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace minga::move {

/// A table's rows in the order of their keys, page by page: a few megabytes at a time.
class Pages {
 public:
  Pages(sql::Database& database, Table const& table, std::optional<Key> after = std::nullopt,
        std::string since = {});
  /// Empty at the end.
  Async<std::vector<Row>> next();

 private:
  void learn_size(std::vector<Row> const& rows);

  sql::Database& database_;
  Table const& table_;
  TableSql sql_;
  std::optional<Key> after_;
  std::string since_;
  std::int64_t limit_;
  bool has_ended_ = false;
};

/// What two databases hold of a table, row by row in the order of keys.
struct Comparison {
  /// Of each row that is on one side alone, or differs: its key, and the source's row where it has
  /// one.
  std::function<void(Key const& key, Row const* in_source)> on_difference;
  /// Awaited between pages.
  std::function<Async<void>(std::int64_t rows_so_far)> between_pages;
  std::string since;
};

struct Compared {
  std::int64_t rows = 0;  // of the source
  std::string source_checksum, target_checksum;
};

Async<Compared> compare(sql::Database& source, sql::Database& target, Table const& table,
                        Comparison const& comparison);

/// The rows of these keys, in no order.
Async<std::vector<Row>> find_rows(sql::Database& database, Table const& table,
                                  std::vector<Key> keys);

}  // namespace minga::move
