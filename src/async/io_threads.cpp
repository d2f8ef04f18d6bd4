#include "async/io_threads.hpp"

#include "base/logging.hpp"

#include <fmt/format.h>

#include <exception>
#include <pthread.h>

namespace minga {
namespace {

thread_local IoThreads const* current_threads = nullptr;
thread_local int current_index = -1;

}  // namespace

IoThreads::IoThreads(std::size_t count) {
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < count; ++i) {
    contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
    guards_.emplace_back(contexts_.back()->get_executor());
  }
}

IoThreads::~IoThreads() {
  for (auto& context : contexts_) context->stop();
  join();
}

void IoThreads::start() {
  for (std::size_t i = 0; i < contexts_.size(); ++i) {
    threads_.emplace_back([this, i] {
      current_threads = this;
      current_index = static_cast<int>(i);
      pthread_setname_np(pthread_self(), fmt::format("minga-io-{}", i).c_str());
      contexts_[i]->run();
    });
  }
}

void IoThreads::join() {
  guards_.clear();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

int IoThreads::current() const {
  return current_threads == this ? current_index : -1;
}

}  // namespace minga
