#pragma once

#include "async/io_threads.hpp"
#include "async/service.hpp"
#include "async/task_group.hpp"
#include "records/store.hpp"

namespace minga::records {

/// Brings the collections that other nodes declare to this one's store within about a second. Where
/// no other process can write it does nothing.
class CatalogWatch : public Service {
 public:
  CatalogWatch(IoThreads& threads, Store& store);
  std::string_view name() const override { return "catalog"; }
  Async<void> start() override;
  Async<void> stop(Deadline deadline) override;

 private:
  Async<void> watch();

  Store& store_;
  TaskGroup tasks_;
};

}  // namespace minga::records
