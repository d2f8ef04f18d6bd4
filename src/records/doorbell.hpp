#pragma once

#include "async/bell.hpp"
#include "async/io_threads.hpp"
#include "async/service.hpp"
#include "async/task_group.hpp"
#include "records/store.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace minga::records {

/// Tells the other nodes of a database what this one has committed, and this one's listeners what
/// the others have: changes of records, and collections. A hint that may be lost: who is told also
/// looks by itself from time to time. Commits wait for none of it; many within a moment are told of
/// once. Where no other process can write it does nothing.
class Doorbell : public Service {
 public:
  Doorbell(IoThreads& threads, Store& store);
  std::string_view name() const override { return "doorbell"; }
  Async<void> start() override;
  Async<void> stop(Deadline deadline) override;

 private:
  /// One kind of news. Shared with the bells, which may outlive the doorbell.
  struct Topic {
    std::string name;
    Bells* bells;
    std::atomic<bool> is_due = false;
  };
  void carry(std::string name, Bells& bells);
  Async<void> announce();
  Async<std::string> announce_due();
  Async<void> listen();

  Store& store_;
  std::shared_ptr<Bell> due_;
  std::vector<std::shared_ptr<Topic>> topics_;
  TaskGroup tasks_;
};

}  // namespace minga::records
