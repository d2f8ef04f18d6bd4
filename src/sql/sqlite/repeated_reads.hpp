#pragma once

#include "sql/rows.hpp"
#include "sql/statement.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

namespace minga::sql::sqlite {

/// Results of one open read transaction, given again to equal statements: within it nothing
/// changes. Whoever ends the transaction calls clear(). Of one thread.
class RepeatedReads {
 public:
  /// Of values and their text, in all; what is longer by itself is not kept.
  static constexpr std::size_t kMostBytes = 1 << 20;

  std::optional<Rows> find(Statement const& statement) const;
  /// Unless the statement is volatile. Makes room by forgetting what was kept before.
  void keep(Statement const& statement, Rows const& rows);
  void clear();

 private:
  struct Read {
    std::string sql;
    Params values;
    Rows rows;
  };

  std::unordered_multimap<std::size_t, Read> reads_;  // by their hash
  std::size_t bytes_ = 0;
};

}  // namespace minga::sql::sqlite
