#include "records/counters.hpp"

#include "async/deadline.hpp"
#include "records/storage_error.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace minga::records {
namespace {

constexpr char const* kAdd =
    "INSERT INTO _counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = "
    "_counters.value + excluded.value "
    "RETURNING value";
constexpr char const* kRead = "SELECT value FROM _counters WHERE name = $1";

/// One addition that waits to be written; it lives in the frame of the coroutine that awaits it.
struct Addition {
  std::int64_t amount = 0;
  Deadline deadline = kNoDeadline;
  std::int64_t value = 0;  // the counter after it
  std::exception_ptr failure;
  bool leads = false;  // woken to write the next batch
  std::function<void()> wake;
};

[[noreturn]] void fail(std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (sql::Error const& error) {
    throw_storage_error(error);
  }
}

struct Line {
  bool writing = false;
  std::vector<Addition*> waiting;
};

}  // namespace

struct Counters::Impl {
  explicit Impl(sql::Database& engine) : database(engine) {}

  /// Suspends until woken, or goes on at once when nobody is writing this counter.
  Async<void> queue(std::string const& name, Addition& addition);
  Async<std::vector<Addition*>> lead(std::string const& name, Addition& own);
  void hand_over(std::string const& name);

  sql::Database& database;
  std::mutex mutex;
  std::map<std::string, Line> lines;
};

Async<void> Counters::Impl::queue(std::string const& name, Addition& addition) {
  auto initiate = [this, &name, &addition](auto handler) {
    auto executor = boost::asio::get_associated_executor(handler);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    std::function<void()> wake = [executor, shared] {
      boost::asio::post(executor, [shared] { std::move (*shared)(); });
    };
    {
      std::lock_guard const lock(mutex);
      auto& line = lines[name];
      if (line.writing) {
        addition.wake = std::move(wake);
        line.waiting.push_back(&addition);
        return;
      }
      line.writing = true;
      addition.leads = true;
    }
    wake();
  };
  co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
      initiate, boost::asio::use_awaitable);
}

/// Writes all that waits together with its own addition, and gives each its value or the failure.
Async<std::vector<Addition*>> Counters::Impl::lead(std::string const& name, Addition& own) {
  std::vector<Addition*> batch{&own};
  {
    std::lock_guard const lock(mutex);
    auto& waiting = lines[name].waiting;
    batch.insert(batch.end(), waiting.begin(), waiting.end());
    waiting.clear();
  }
  std::int64_t sum = 0;
  auto deadline = own.deadline;
  for (auto const* addition : batch) {
    sum += addition->amount;
    deadline = std::max(deadline, addition->deadline);
  }
  try {
    sql::Params values{name, sum};
    sql::Statement statement(kAdd, std::move(values), deadline);
    auto const rows = co_await database.write(std::move(statement));
    auto value = rows.integer(0, 0) - sum;
    for (auto* addition : batch) addition->value = value += addition->amount;
  } catch (...) {
    for (auto* addition : batch) addition->failure = std::current_exception();
  }
  co_return batch;
}

/// The first of those who came meanwhile writes next.
void Counters::Impl::hand_over(std::string const& name) {
  std::function<void()> wake;
  {
    std::lock_guard const lock(mutex);
    auto& line = lines[name];
    if (line.waiting.empty()) {
      line.writing = false;
      return;
    }
    auto* next = line.waiting.front();
    line.waiting.erase(line.waiting.begin());
    next->leads = true;
    wake = std::move(next->wake);
  }
  wake();
}

Counters::Counters(sql::Database& database) : impl_(std::make_shared<Impl>(database)) {}
Counters::~Counters() = default;

Async<std::int64_t> Counters::add(std::string_view name, std::int64_t amount, Deadline deadline) {
  if (has_passed(deadline)) throw deadline_error();
  // Whoever leads writes for others too: its cancellation may not stop it half way, and it goes on
  // until the last of their deadlines.
  co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
  std::string const key(name);
  Addition addition;
  addition.amount = amount;
  addition.deadline = deadline;
  co_await impl_->queue(key, addition);
  if (addition.leads) {
    auto const batch = co_await impl_->lead(key, addition);
    impl_->hand_over(key);
    for (auto* other : batch) {
      if (other == &addition) continue;
      auto wake = std::move(other->wake);
      wake();
    }
  }
  co_await boost::asio::this_coro::reset_cancellation_state(
      boost::asio::enable_terminal_cancellation());
  if (addition.failure) fail(addition.failure);
  co_return addition.value;
}

Async<std::int64_t> Counters::read(std::string_view name, Deadline deadline) {
  sql::Params values{std::string(name)};
  sql::Statement statement(kRead, std::move(values), deadline);
  try {
    auto const rows = co_await impl_->database.read(std::move(statement));
    co_return rows.empty() ? 0 : rows.integer(0, 0);
  } catch (sql::Error const& error) {
    throw_storage_error(error);
  }
}

}  // namespace minga::records
