#include "records/bells.hpp"

#include <utility>

namespace minga::records {

void Bells::on_news(std::function<void()> ring) {
  std::lock_guard const lock(mutex_);
  for_news_.push_back(std::move(ring));
}

void Bells::on_commit(std::function<void()> ring) {
  std::lock_guard const lock(mutex_);
  for_commits_.push_back(std::move(ring));
}

void Bells::committed() const {
  std::lock_guard const lock(mutex_);
  for (auto const& ring : for_commits_) ring();
  for (auto const& ring : for_news_) ring();
}

void Bells::heard() const {
  std::lock_guard const lock(mutex_);
  for (auto const& ring : for_news_) ring();
}

}  // namespace minga::records
