#include "sql/postgres/statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace minga::sql::postgres {
namespace {

/// Types of placeholders that one text is prepared for; there are few in practice.
constexpr std::size_t kVariants = 8;

bool serves_all(Prepared const& prepared, Params const& values) {
  if (prepared.declared.size() != values.size()) return false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto const inferred = i < prepared.inferred.size() ? prepared.inferred[i] : type::kUnspecified;
    if (!serves(prepared.declared[i], inferred, values[i])) return false;
  }
  return true;
}

}  // namespace

std::shared_ptr<Prepared> Statements::find(std::string const& sql, Params const& values) {
  if (auto const found = by_sql_.find(sql); found != by_sql_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
  } else {
    if (entries_.size() >= bound_) {
      for (auto const& each : entries_.back().variants) evict(*each);
      by_sql_.erase(entries_.back().sql);
      entries_.pop_back();
    }
    entries_.push_front({sql, {}});
    by_sql_.emplace(entries_.front().sql, entries_.begin());
  }
  auto& variants = entries_.front().variants;
  for (auto const& each : variants) {
    if (serves_all(*each, values)) return each;
  }
  if (variants.size() >= kVariants) {
    evict(*variants.front());
    variants.erase(variants.begin());
  }
  auto prepared = std::make_shared<Prepared>();
  prepared->name = fmt::format("m{}", ++names_);
  for (auto const& value : values) prepared->declared.push_back(declared_type(value));
  variants.push_back(prepared);
  return prepared;
}

void Statements::evict(Prepared const& prepared) {
  if (prepared.is_sent && !prepared.failure) evicted_.push_back(prepared.name);
}

void Statements::forget(Prepared const& prepared) {
  for (auto& entry : entries_) {
    auto const same = [&](auto const& each) {
      return each.get() == &prepared;
    };
    auto const found = std::find_if(entry.variants.begin(), entry.variants.end(), same);
    if (found == entry.variants.end()) continue;
    evict(prepared);
    entry.variants.erase(found);
    return;
  }
}

}  // namespace minga::sql::postgres
