#pragma once

#include "sql/value.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minga::sql {

/// The result of a statement: column names and values, row by row. Cheap to copy: copies share what
/// they hold. Out-of-range access throws std::out_of_range; a value of another type than asked for
/// throws std::logic_error that names the column.
class Rows {
 public:
  Rows() = default;
  Rows(std::shared_ptr<std::vector<std::string> const> columns, std::vector<Value> values,
       std::int64_t affected, std::int64_t inserted_key = 0);

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  std::vector<std::string> const& columns() const;
  /// Rows inserted, updated or deleted; 0 for a read.
  std::int64_t affected() const { return affected_; }
  /// The growing key of the row that an INSERT with Dialect::returning_key() made.
  std::int64_t inserted_key() const { return empty() ? inserted_key_ : integer(0, 0); }

  Value const& at(std::size_t row, std::size_t column) const;
  std::span<Value const> row(std::size_t row) const;
  bool is_null(std::size_t row, std::size_t column) const;
  std::int64_t integer(std::size_t row, std::size_t column) const;
  double real(std::size_t row, std::size_t column) const;   // integers too
  bool boolean(std::size_t row, std::size_t column) const;  // integer other than 0
  std::string const& text(std::size_t row, std::size_t column) const;

  /// Something that was made of these rows and costs more than to copy it.
  struct Made {
    virtual ~Made() = default;
  };
  /// There is another copy: a Database may give the same rows to equal reads.
  bool is_shared() const { return content_.use_count() > 1; }
  /// What a copy of these rows was told to keep; null before, and where there are none. Any thread.
  std::shared_ptr<Made const> made() const;
  void keep(std::shared_ptr<Made const> made) const;

 private:
  struct Content {
    std::vector<Value> values;
    std::shared_ptr<Made const> made;
  };
  std::shared_ptr<std::vector<std::string> const> columns_;
  std::shared_ptr<Content> content_;  // null: no rows
  std::int64_t affected_ = 0;
  std::int64_t inserted_key_ = 0;
};

}  // namespace minga::sql
