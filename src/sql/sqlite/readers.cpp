#include "sql/sqlite/readers.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace minga::sql::sqlite {
namespace {

std::unique_ptr<Connection> connect(Options const& options) {
  auto connection = std::make_unique<Connection>(options.file, Access::read_only, options);
  connection->execute("PRAGMA cache_size = -8192");
  return connection;
}

Async<void> drop(std::unique_ptr<Connection>* connection) {
  connection->reset();
  co_return;
}

}  // namespace

Readers::Readers(IoThreads& threads, Options const& options)
    : threads_(threads),
      options_(options),
      by_thread_(threads.size()),
      pool_("read", options.readers, options.read_queue) {}

Async<Rows> Readers::run(Statement const& statement) {
  auto const thread = threads_.current();
  if (thread >= 0) {
    auto& connection = by_thread_[static_cast<std::size_t>(thread)];
    if (!connection) connection = connect(options_);
    if (auto rows = connection->run_within(statement, options_.read_budget))
      co_return std::move(*rows);
  }
  auto work = [this, &statement] {
    return run_in_pool(statement);
  };
  co_return co_await pool_.run(work);
}

Rows Readers::run_in_pool(Statement const& statement) {
  auto connection = borrow();
  auto rows = connection->run(statement);
  std::lock_guard const lock(mutex_);
  idle_.push_back(std::move(connection));
  return rows;
}

std::unique_ptr<Connection> Readers::borrow() {
  {
    std::lock_guard const lock(mutex_);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return connect(options_);
}

Async<void> Readers::close() {
  for (std::size_t i = 0; i < by_thread_.size(); ++i) {
    auto task = drop(&by_thread_[i]);
    co_await boost::asio::co_spawn(threads_.context(i), std::move(task),
                                   boost::asio::use_awaitable);
  }
  std::lock_guard const lock(mutex_);
  idle_.clear();
}

}  // namespace minga::sql::sqlite
