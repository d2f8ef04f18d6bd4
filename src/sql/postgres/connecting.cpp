#include "sql/postgres/connecting.hpp"

#include "async/task_group.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace minga::sql::postgres {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// So long a host is waited for alone. RFC 8305 takes 250 ms between addresses.
constexpr auto kHeadStart = 250ms;

/// Other lookups may have reordered the hosts meanwhile.
void move_first(std::vector<std::size_t>& order, std::size_t host) {
  auto const found = std::find(order.begin(), order.end(), host);
  std::rotate(order.begin(), found, found + 1);
}

void move_last(std::vector<std::size_t>& order, std::size_t host) {
  auto const found = std::find(order.begin(), order.end(), host);
  std::rotate(found, found + 1, order.end());
}

/// Attempts at several hosts, side by side.
class Race {
 public:
  Race(asio::any_io_executor const& executor, Settings const& settings, Access access,
       std::vector<std::size_t>& order)
      : settings_(settings), access_(access), order_(order), changed_(executor) {}

  /// Until one is won, all have failed, or the caller is cancelled. The group is to end what is
  /// under way then.
  Async<void> run(TaskGroup& attempts) {
    auto const hosts = order_;
    silent_ = hosts;
    for (auto const host : hosts) {
      start(attempts, host);
      co_await wait(true);
      if (is_over()) co_return;
    }
    while (!silent_.empty()) {
      co_await wait(false);
      if (is_over()) co_return;
      if (silent_.empty()) break;
      for (auto const host : std::exchange(to_come_, {})) start(attempts, host);
    }
    while (!is_over() && under_way_ > 0) co_await wait(false);
  }

  bool is_cancelled() const { return is_cancelled_; }
  /// Where it was not cancelled.
  Attempt outcome() { return won_ ? Attempt(std::move(won_)) : Attempt(std::move(*failures_)); }

 private:
  bool is_over() const { return won_ || is_cancelled_; }

  void start(TaskGroup& attempts, std::size_t host) {
    has_changed_ = false;
    ++under_way_;
    attempts.spawn(attempt(host));
  }

  Async<void> attempt(std::size_t host) {
    std::optional<Attempt> made;
    std::string fault;
    try {
      made = co_await connect_to_host(settings_, access_, host);
    } catch (std::exception const& error) {
      fault = error.what();
    }
    if (!made) made = NoConnection{connection_lost(fault)};
    --under_way_;
    std::erase(silent_, host);
    note(host, std::move(*made));
    has_changed_ = true;
    changed_.cancel();
  }

  void note(std::size_t host, Attempt made) {
    if (won_) return;
    if (auto* handle = std::get_if<Handle>(&made)) {
      won_ = std::move(*handle);
      move_first(order_, host);
      return;
    }
    auto& no = std::get<NoConnection>(made);
    if (!no.has_answered) move_last(order_, host);
    if (no.may_come()) to_come_.push_back(host);
    add(failures_, std::move(no));
  }

  /// For a head start; less where nothing is left to wait for, or, if so wanted, one has failed.
  Async<void> wait(bool until_one_fails) {
    auto const until = Clock::now() + kHeadStart;
    auto const is_done = [&] {
      return is_over() || under_way_ == 0 || (until_one_fails && has_changed_);
    };
    while (!is_done() && Clock::now() < until) {
      changed_.expires_at(until);
      boost::system::error_code ignored;  // an attempt that ends cancels the timer
      auto token = asio::redirect_error(asio::use_awaitable, ignored);
      co_await changed_.async_wait(token);
      auto const state = co_await asio::this_coro::cancellation_state;
      is_cancelled_ = state.cancelled() != asio::cancellation_type::none;
    }
  }

  Settings const& settings_;
  Access access_;
  std::vector<std::size_t>& order_;
  asio::steady_timer changed_;
  Handle won_;
  std::optional<NoConnection> failures_;
  std::vector<std::size_t> silent_;   // those whose first attempt has not ended
  std::vector<std::size_t> to_come_;  // those that have answered, and may be what is looked for yet
  std::size_t under_way_ = 0;
  bool has_changed_ = false;
  bool is_cancelled_ = false;
};

}  // namespace

Async<Attempt> connect(Settings const& settings, Access access, std::vector<std::size_t>& order) {
  if (order.size() == 1) co_return co_await connect_to_host(settings, access, order.front());
  auto const executor = co_await asio::this_coro::executor;
  Race race(executor, settings, access, order);
  TaskGroup attempts(executor, "connecting");
  // Cancelled, too, it ends its attempts before it goes.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await race.run(attempts);
  attempts.cancel();
  co_await attempts.join();
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  co_await asio::this_coro::throw_if_cancelled(true);
  if (race.is_cancelled()) throw boost::system::system_error(asio::error::operation_aborted);
  co_return race.outcome();
}

}  // namespace minga::sql::postgres
