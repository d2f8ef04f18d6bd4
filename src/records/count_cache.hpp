#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace minga::records {

/// Exact counts of lists, remembered until the collection changes. Only where no other process can
/// write.
class CountCache {
 public:
  std::optional<std::int64_t> find(std::string const& collection, std::string const& key) const;
  /// The state that a count must have been read under to be kept.
  std::int64_t version(std::string const& collection) const;
  void keep(std::string const& collection, std::string key, std::int64_t version,
            std::int64_t count);
  /// Before a write of this process is acknowledged.
  void forget(std::string const& collection);

 private:
  struct Entry {
    std::int64_t version = 0;
    std::map<std::string, std::int64_t> counts;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace minga::records
