#pragma once

#include "sql/postgres/batch.hpp"
#include "sql/postgres/operation.hpp"
#include "sql/postgres/pool.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace minga::sql::postgres {

/// What one send on a connection of one's own came to; shared by the batch and by whoever waits.
struct Exchange {
  std::vector<Batch::Item> items;
  std::optional<Failure> commit_failure;
  std::optional<Error> loss;
  std::optional<Mark> mark;
  bool is_unreplicated = false;
  /// The server was at the commit at the deadline. It still has the connection.
  bool is_left = false;
  std::unique_ptr<Resumption> resumption;

  /// The first failure there is, of whatever it was.
  std::optional<Error> failure() const {
    if (loss) return loss;
    for (auto const& item : items) {
      if (item.failure) return item.failure->error;
    }
    if (commit_failure) return commit_failure->error;
    return std::nullopt;
  }
};

class Step : public Batch {
 public:
  /// Without an exchange nobody waits.
  Step(Pool& pool, Exchange* exchange) : pool_(pool), exchange_(exchange) {}

  void add(Statement const& statement) {
    Item item{};
    item.statement = &statement;
    items.push_back(std::move(item));
  }
  void finished() override {
    if (exchange_ == nullptr) {
      pool_.wake();
      return;
    }
    exchange_->items = std::move(items);
    exchange_->commit_failure = std::move(commit_failure);
    exchange_->loss = std::move(loss);
    exchange_->mark = mark;
    exchange_->is_unreplicated = is_unreplicated;
    resume();
  }
  void leave_late(Clock::time_point now) override {
    if (exchange_ == nullptr || now < cancel_at) return;
    exchange_->is_left = true;
    resume();
  }
  bool is_awaited() const override { return exchange_ != nullptr; }

 private:
  /// The exchange is gone after it.
  void resume() {
    auto& exchange = *std::exchange(exchange_, nullptr);
    std::exchange(exchange.resumption, nullptr)->resume();
  }

  Pool& pool_;
  Exchange* exchange_;
};

/// Sends on a connection that is the caller's own; returns with the server's answer, or with the
/// loss. Not interrupted by cancellation.
inline Async<void> exchange_with(Pool& pool, Connection& connection, std::unique_ptr<Step> step,
                                 Exchange& exchange) {
  auto begin = [&pool, &connection, &step](boost::asio::cancellation_slot) {
    connection.send(std::move(step));
    pool.watch();
  };
  co_await suspend(exchange.resumption, begin);
}

}  // namespace minga::sql::postgres
