#include "async/blocking_pool.hpp"

#include <fmt/format.h>

#include <pthread.h>

namespace minga {

BlockingPool::BlockingPool(std::string name, std::size_t threads, std::size_t queue_bound)
    : name_(std::move(name)), bound_(queue_bound) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, i] {
      pthread_setname_np(pthread_self(), fmt::format("{:.12}-{}", name_, i % 100).c_str());
      work();
    });
  }
}

BlockingPool::~BlockingPool() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

std::size_t BlockingPool::waiting() const {
  std::lock_guard const lock(mutex_);
  return queue_.size();
}

bool BlockingPool::submit(Job job) {
  {
    std::lock_guard const lock(mutex_);
    if (stopping_ || queue_.size() >= bound_) return false;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void BlockingPool::refuse() const {
  throw Error::unavailable(fmt::format("The server is busy ({}). Please try again.", name_));
}

void BlockingPool::work() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job();
  }
}

}  // namespace minga
