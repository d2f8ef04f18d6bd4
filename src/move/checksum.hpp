#pragma once

#include "move/table.hpp"

#include <memory>
#include <string>

namespace minga::move {

/// The checksum of a table: XXH3, 128 bits, over its rows in the order of their keys, in a form
/// that is the same whatever engine they were read from. A real is its eight bytes, but -0 is 0, as
/// SQLite stores it.
class Checksum {
 public:
  Checksum();
  void add(Row const& row);
  /// 32 hexadecimal digits.
  std::string text() const;

 private:
  std::unique_ptr<void, void (*)(void*)> state_;
};

/// Whether two rows are the same by that form.
bool same_rows(Row const& a, Row const& b);

}  // namespace minga::move
