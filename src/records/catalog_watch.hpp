#pragma once

#include "async/bell.hpp"
#include "async/io_threads.hpp"
#include "async/service.hpp"
#include "async/task_group.hpp"
#include "records/store.hpp"

#include <chrono>
#include <memory>

namespace minga::records {

/// Brings the collections that other nodes declare to this one's store: when it is told of them,
/// and by a look at each `poll`. Where no other process can write it does nothing.
class CatalogWatch : public Service {
 public:
  CatalogWatch(IoThreads& threads, Store& store, std::chrono::milliseconds poll);
  std::string_view name() const override { return "catalog"; }
  Async<void> start() override;
  Async<void> stop(Deadline deadline) override;

 private:
  Async<void> watch();

  Store& store_;
  std::chrono::milliseconds poll_;
  std::shared_ptr<Bell> bell_;
  TaskGroup tasks_;
};

}  // namespace minga::records
