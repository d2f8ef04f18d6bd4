#pragma once

#include <minga/async.hpp>

#include "async/io_threads.hpp"
#include "sql/database.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace minga::records {

/// Named durable counters (`_counters`). The additions that wait while a write is under way become
/// the next write together, one per counter; each caller gets the value after its own.
class Counters {
 public:
  explicit Counters(sql::Database& database);
  ~Counters();

  /// Throws what throw_storage_error() makes of a storage error.
  Async<std::int64_t> add(std::string_view name, std::int64_t amount, Deadline deadline);
  Async<std::int64_t> read(std::string_view name, Deadline deadline);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace minga::records
