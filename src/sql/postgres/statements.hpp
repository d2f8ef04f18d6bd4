#pragma once

#include "sql/postgres/errors.hpp"
#include "sql/postgres/values.hpp"
#include "sql/value.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace minga::sql::postgres {

/// A statement that a server session knows by its name.
struct Prepared {
  std::string name;
  std::vector<Oid> declared;  // what the placeholders were declared as
  std::vector<Oid> inferred;  // and what the server made of it; empty until it has said so
  bool is_sent = false;
  bool binary_results = false;
  Columns columns;
  std::optional<Failure> failure;  // the server would not prepare it
};

/// The prepared statements of one connection, by their text and their placeholders' types. The
/// least recently used ones make room.
class Statements {
 public:
  explicit Statements(std::size_t bound) : bound_(bound) {}

  /// The statement for these values; not `is_sent` when the server has yet to be told.
  std::shared_ptr<Prepared> find(std::string const& sql, Params const& values);
  /// The server has lost it, refused it, or its plan is out of date.
  void forget(Prepared const& prepared);
  /// Names that the server may forget, handed out once.
  std::vector<std::string> take_evicted() { return std::exchange(evicted_, {}); }

 private:
  struct Entry {
    std::string sql;
    std::vector<std::shared_ptr<Prepared>> variants;
  };

  void evict(Prepared const& prepared);

  std::size_t bound_;
  std::uint64_t names_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_sql_;
  std::vector<std::string> evicted_;
};

}  // namespace minga::sql::postgres
