#include "sql/sqlite/transaction_bodies.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>

namespace minga::sql::sqlite {
namespace {

/// The statements of one body, run at once.
class WriterTransaction : public Transaction {
 public:
  WriterTransaction(Connection& connection, Deadline deadline)
      : connection_(connection), deadline_(deadline) {}

  Async<Rows> execute(Statement statement) override {
    require_whole();
    statement.deadline = std::min(statement.deadline, deadline_);
    try {
      co_return connection_.run(statement);
    } catch (...) {
      if (connection_.autocommit()) lost_ = std::current_exception();
      throw;
    }
  }

  /// Throws what made SQLite give up the whole transaction: nothing may follow outside of one.
  void require_whole() const {
    if (lost_) std::rethrow_exception(lost_);
  }

 private:
  Connection& connection_;
  Deadline deadline_;
  std::exception_ptr lost_;
};

}  // namespace

void TransactionBodies::run(TransactionBody const& body, Deadline deadline) {
  if (!context_) context_ = std::make_unique<boost::asio::io_context>(1);
  WriterTransaction transaction(connection_, deadline);
  bool ended = false;
  std::exception_ptr failure;
  auto note = [&](std::exception_ptr error) {
    ended = true;
    failure = std::move(error);
  };
  boost::asio::co_spawn(*context_, body(transaction), note);
  context_->restart();
  context_->poll();
  if (!ended) {
    // What it waits for may still hold on to the context, which nobody runs any more.
    abandoned_.push_back(std::move(context_));
    throw std::logic_error("A transaction's body awaited something other than its own statements.");
  }
  if (failure) std::rethrow_exception(failure);
  transaction.require_whole();
}

}  // namespace minga::sql::sqlite
