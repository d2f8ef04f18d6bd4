#include "async/task_group.hpp"

#include "base/logging.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <exception>

namespace minga {

bool is_cancellation(std::exception const& error) {
  // Operations that were waited for together each report theirs; the first stands for all.
  if (auto const* several = dynamic_cast<boost::asio::multiple_exceptions const*>(&error)) {
    try {
      std::rethrow_exception(several->first_exception());
    } catch (std::exception const& first) {
      return is_cancellation(first);
    } catch (...) {
      return false;
    }
  }
  auto const* system = dynamic_cast<boost::system::system_error const*>(&error);
  return system != nullptr && system->code() == boost::asio::error::operation_aborted;
}

namespace {

void report(std::string const& name, std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (std::exception const& error) {
    if (!is_cancellation(error))
      log::error(fmt::format("{}: a task ended with: {}", name, error.what()));
  }
}

}  // namespace

TaskGroup::TaskGroup(boost::asio::any_io_executor executor, std::string name)
    : executor_(std::move(executor)), name_(std::move(name)), empty_(executor_, Deadline::max()) {}

TaskGroup::~TaskGroup() {
  if (tasks_.empty()) return;
  log::error(fmt::format("{}: destroyed with {} tasks still running", name_, tasks_.size()));
  log::flush();
  std::abort();
}

boost::asio::cancellation_signal& TaskGroup::spawn(Async<void> task) {
  auto place = tasks_.emplace(tasks_.end());
  auto done = [this, place](std::exception_ptr failure) {
    if (failure) report(name_, failure);
    tasks_.erase(place);
    if (tasks_.empty()) empty_.cancel();
  };
  auto& signal = place->signal;
  boost::asio::co_spawn(executor_, std::move(task),
                        boost::asio::bind_cancellation_slot(signal.slot(), std::move(done)));
  return signal;
}

void TaskGroup::cancel() {
  // Emitting may end a task at once and erase its place: step on before.
  for (auto task = tasks_.begin(); task != tasks_.end();) {
    auto current = task++;
    current->signal.emit(boost::asio::cancellation_type::terminal);
  }
}

Async<void> TaskGroup::join() {
  co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
  while (!tasks_.empty()) {
    boost::system::error_code ignored;  // the last task cancels the timer: that is the signal
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ignored);
    co_await empty_.async_wait(token);
  }
}

}  // namespace minga
