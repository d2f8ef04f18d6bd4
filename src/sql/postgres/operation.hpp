#pragma once

#include "async/deadline.hpp"
#include "async/resumption.hpp"
#include "sql/rows.hpp"
#include "sql/statement.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace minga::sql::postgres {

class Connection;

/// Waits until someone on the same thread calls resume() on what is put into `resumption`. `begin`
/// is called once it is there, with the caller's cancellation slot, and must not resume it itself.
/// Not interrupted by cancellation, unless `begin` sees to it; Asio clears the slot at the end.
template <class Begin>
Async<void> suspend(std::unique_ptr<Resumption>& resumption, Begin begin) {
  auto initiate = [&resumption, &begin](auto handler) {
    auto const cancellation = boost::asio::get_associated_cancellation_slot(handler);
    resumption = make_resumption(std::move(handler));
    begin(cancellation);
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
  bool is_alone = false;      // others must not share its transaction
  bool is_kept = false;       // waits on when its caller is cancelled
  bool is_cancelled = false;  // its caller was

  void complete() { std::exchange(resumption, nullptr)->resume(); }
  template <class E>
  void fail(E const& error) {
    failure = std::make_exception_ptr(error);
    complete();
  }
  void fail_cancelled() {
    fail(boost::system::system_error(boost::asio::error::operation_aborted));
  }
};

}  // namespace minga::sql::postgres
