#include "records/count_cache.hpp"

#include <utility>

namespace minga::records {

std::optional<std::int64_t> CountCache::find(std::string const& collection,
                                             std::string const& key) const {
  std::lock_guard const lock(mutex_);
  auto const entry = entries_.find(collection);
  if (entry == entries_.end()) return std::nullopt;
  auto const found = entry->second.counts.find(key);
  if (found == entry->second.counts.end()) return std::nullopt;
  return found->second;
}

std::int64_t CountCache::version(std::string const& collection) const {
  std::lock_guard const lock(mutex_);
  auto const entry = entries_.find(collection);
  return entry == entries_.end() ? 0 : entry->second.version;
}

void CountCache::keep(std::string const& collection, std::string key, std::int64_t version,
                      std::int64_t count) {
  constexpr std::size_t kMost = 200;
  std::lock_guard const lock(mutex_);
  auto& entry = entries_[collection];
  if (entry.version != version) return;
  if (entry.counts.size() >= kMost) entry.counts.clear();
  entry.counts[std::move(key)] = count;
}

void CountCache::forget(std::string const& collection) {
  std::lock_guard const lock(mutex_);
  auto& entry = entries_[collection];
  ++entry.version;
  entry.counts.clear();
}

}  // namespace minga::records
