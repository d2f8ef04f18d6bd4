#pragma once

#include <minga/async.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <string>

namespace minga {

/// Whether it says no more than that who waited was cancelled.
bool is_cancellation(std::exception const& error);

/// The owner of coroutines on one I/O thread: starts them, cancels them, waits for them. Declared
/// after what its tasks use, so that it dies first; join() must have returned before it is
/// destroyed (asserted). All calls on its thread.
class TaskGroup {
 public:
  /// `name` stands in the log beside an exception that a task let out.
  TaskGroup(boost::asio::any_io_executor executor, std::string name);
  ~TaskGroup();
  TaskGroup(TaskGroup const&) = delete;
  TaskGroup& operator=(TaskGroup const&) = delete;

  /// An exception that leaves the task is logged, unless it is its cancellation. The signal cancels
  /// this task alone and lives until the task has ended.
  boost::asio::cancellation_signal& spawn(Async<void> task);
  /// Asks every running task to end (terminal cancellation).
  void cancel();
  /// Returns when the last task has ended. Not cancelled by the caller's own cancellation.
  Async<void> join();

  std::size_t size() const { return tasks_.size(); }

 private:
  struct Task {
    boost::asio::cancellation_signal signal;
  };
  boost::asio::any_io_executor executor_;
  std::string name_;
  std::list<Task> tasks_;
  boost::asio::steady_timer empty_;
};

}  // namespace minga
