#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace minga::records {

/// Tells those who wait that something of one kind was committed, by this process or by another on
/// the same database. What they are given is called from any thread, and neither blocks nor throws.
class Bells {
 public:
  /// After each commit of this process, and when one of another is heard of.
  void on_news(std::function<void()> ring);
  /// After each commit of this process alone.
  void on_commit(std::function<void()> ring);

  /// This process has committed.
  void committed() const;
  /// Another has, or may have.
  void heard() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::function<void()>> for_news_;
  std::vector<std::function<void()>> for_commits_;
};

}  // namespace minga::records
