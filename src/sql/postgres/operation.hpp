#pragma once

#include "async/deadline.hpp"
#include "async/resumption.hpp"
#include "sql/rows.hpp"
#include "sql/statement.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace minga::sql::postgres {

class Connection;

/// Waits until someone on the same thread calls resume() on what is put into `slot`. `begin` is
/// called once it is there and must not resume it itself. Not interrupted by cancellation.
template <class Begin>
Async<void> suspend(std::unique_ptr<Resumption>& slot, Begin begin) {
  auto initiate = [&slot, &begin](auto handler) {
    slot = make_resumption(std::move(handler));
    begin();
  };
  co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
      initiate, boost::asio::use_awaitable);
}

/// What waits for a connection; it lives in the frame of the coroutine that awaits it.
struct Operation {
  std::span<Statement const> statements;  // in order; none: a connection for a transaction
  std::string const& text() const { return statements.back().sql; }  // that takes the time
  Deadline deadline = kNoDeadline;                                   // past it nobody waits
  Deadline patience = kNoDeadline;  // past it there was no server that could do it
  std::vector<Rows> rows;           // of the statements
  std::shared_ptr<Connection> lent;
  std::exception_ptr failure;
  std::unique_ptr<Resumption> resumption;
  int attempts = 0;
  bool is_alone = false;  // others must not share its transaction

  void complete() { std::exchange(resumption, nullptr)->resume(); }
  template <class E>
  void fail(E const& error) {
    failure = std::make_exception_ptr(error);
    complete();
  }
};

}  // namespace minga::sql::postgres
