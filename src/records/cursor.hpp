#pragma once

#include "records/filter/filter.hpp"
#include "sql/rows.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

/// Where a page by cursor ended: the values of its last row's sort keys, signed, bound to the
/// list's sort and filter.
class Cursor {
 public:
  /// `bound_to`: what must be the same on every page.
  Cursor(std::string_view secret, std::string_view bound_to);

  /// The cursor after a row whose first columns are the sort keys' values.
  std::string after(sql::Rows const& rows, std::size_t row, std::size_t key_count) const;

  /// The rows behind the cursor, in the order of the keys. Throws Error 400 for a foreign or
  /// damaged cursor.
  filter::Condition condition(std::string_view cursor, std::vector<filter::SortKey> const& keys,
                              std::size_t first) const;

 private:
  std::string signature(std::string_view payload) const;

  std::string key_;
  std::string bound_to_;
};

}  // namespace minga::records
