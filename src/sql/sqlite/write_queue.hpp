#pragma once

#include "async/io_threads.hpp"
#include "async/resumption.hpp"
#include "base/metrics.hpp"
#include "sql/database.hpp"
#include "sql/error.hpp"
#include "sql/sqlite/sqlite.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace minga::sql::sqlite {

/// One write that waits for its turn; it lives in the frame of the coroutine that awaits it.
struct Operation {
  std::span<Statement const> statements;  // either statements to run in order
  TransactionBody const* body = nullptr;  // or a transaction's body
  Deadline deadline = Deadline::max();
  std::vector<Rows> rows;  // of the statements
  std::exception_ptr failure;
  int thread = -1;  // the I/O thread to resume on
  boost::asio::any_io_executor executor;
  std::unique_ptr<Resumption> resumption;
};

/// Of an operation that did not begin in time.
Error past_deadline();

/// The operations that wait for the writer, from any I/O thread. The second half is the writer's
/// own.
class WriteQueue {
 public:
  WriteQueue(IoThreads& threads, Options const& options, Metrics& metrics);
  WriteQueue(WriteQueue const&) = delete;
  WriteQueue& operator=(WriteQueue const&) = delete;

  /// Done when this returns. Not interrupted by cancellation. Throws the operation's failure, or
  /// sql::Error queue_full or, after stop(), connection_lost.
  Async<void> run(Operation& operation);
  /// Rests once what is under way has been committed, until the deadline at the latest: what comes
  /// waits, each to its own deadline. Returns a number for let_go(). Throws sql::Error busy while
  /// it rests already.
  Async<std::uint64_t> hold(Deadline deadline);
  void let_go(std::uint64_t number);
  /// The operation is the first to be done then; as run() otherwise.
  Async<void> let_go_with(Operation& operation);
  /// Takes in nothing more.
  void stop();

  /// Waits for a group. False once it is stopped and empty.
  bool take(std::vector<Operation*>& group);
  /// Adds what has come meanwhile; false when that is nothing, or when the group has been taken for
  /// longer than it may take in others.
  bool take_more(std::vector<Operation*>& group);
  /// Resumes who waits for them; they are gone then.
  void answer(std::vector<Operation*> const& group);

 private:
  /// A waiting operation's place.
  enum class Turn { last, first };

  /// Outlives the queue where an I/O thread has yet to run what was posted to it.
  struct Wake {
    explicit Wake(std::size_t threads) : is_posted(threads) {}
    std::condition_variable condition;
    std::vector<char> is_posted;  // to each I/O thread, which alone looks at its own
  };

  Async<void> wait_for(Operation& operation, Turn turn);
  bool submit(Operation& operation, Turn turn);
  void wake_soon();
  void rest(std::unique_lock<std::mutex>& lock);
  void expire_waiting(std::vector<Operation*>& expired);
  void move_waiting(std::vector<Operation*>& group);

  IoThreads& threads_;
  std::size_t bound_;
  Clock::duration joining_;
  Clock::time_point taken_;  // the last group
  prometheus::Gauge& size_;
  std::shared_ptr<Wake> wake_;

  std::mutex mutex_;
  std::vector<Operation*> waiting_;
  bool stopping_ = false;
  bool is_held_ = false;
  Deadline held_until_ = Deadline::max();
  std::uint64_t holds_ = 0;      // so far
  Operation* holder_ = nullptr;  // waits for the writer to rest
};

}  // namespace minga::sql::sqlite
