#pragma once

#include <minga/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace minga {

/// One page of records, as the list envelope of API.md section 3.
struct Page {
  std::int64_t page = 1;
  std::int64_t per_page = 30;
  std::int64_t total_items = -1;
  std::int64_t total_pages = -1;
  JsonArray items;

  JsonObject envelope() const&;
  JsonObject envelope() &&;
};

struct ImportReport {
  struct Refusal {
    std::int64_t line = 0;
    std::string reason;
  };
  std::int64_t added = 0;
  std::int64_t refused = 0;
  /// The first 100 refusals; `refused` counts them all.
  std::vector<Refusal> refusals;

  JsonObject summary() const;
};

}  // namespace minga
