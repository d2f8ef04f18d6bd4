#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace minga {

/// One thread with its own io_context for each core. What is started on a context stays on its
/// thread.
class IoThreads {
 public:
  explicit IoThreads(std::size_t count);  // 0: one per core
  ~IoThreads();                           // stops and joins
  IoThreads(IoThreads const&) = delete;
  IoThreads& operator=(IoThreads const&) = delete;

  std::size_t size() const { return contexts_.size(); }
  boost::asio::io_context& context(std::size_t index) { return *contexts_.at(index); }

  void start();
  /// Lets the contexts run out of work, then joins. Every task must have an owner that ended it
  /// before.
  void join();

  /// 0..size-1 on a thread of these, -1 elsewhere: for state that each I/O thread has of its own.
  int current() const;

 private:
  using Guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<Guard> guards_;
  std::vector<std::thread> threads_;
};

}  // namespace minga
