#include "records/doorbell.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

namespace minga::records {
namespace {

using namespace std::chrono_literals;

/// Between two announcements: the engine's own cost of one is that of a small transaction.
constexpr auto kPause = 30ms;
constexpr auto kPatience = 5s;
constexpr auto kForEver = std::chrono::hours(24);

}  // namespace

Doorbell::Doorbell(IoThreads& threads, Store& store)
    : store_(store),
      due_(std::make_shared<Bell>(threads.context(0))),
      tasks_(threads.context(0).get_executor(), "doorbell") {}

Async<void> Doorbell::start() {
  if (store_.database().is_exclusive()) co_return;
  carry("changes", store_.changes().bells());
  carry("collections", store_.declarations());
  tasks_.spawn(announce());
  tasks_.spawn(listen());
}

void Doorbell::carry(std::string name, Bells& bells) {
  auto topic = std::make_shared<Topic>();
  topic->name = std::move(name);
  topic->bells = &bells;
  bells.on_commit([topic, due = due_] {
    if (!topic->is_due.exchange(true)) due->ring();
  });
  // What this process committed before it was started.
  bells.committed();
  topics_.push_back(std::move(topic));
}

Async<void> Doorbell::stop(Deadline) {
  tasks_.cancel();
  co_await tasks_.join();
}

/// What goes wrong is logged once, until it went well again.
Async<void> Doorbell::announce() {
  auto is_well = true;
  for (;;) {
    co_await due_->wait(kForEver);
    auto const failure = co_await announce_due();
    if (!failure.empty() && is_well)
      log::warning(fmt::format("Other nodes cannot be told of what is new here: {}", failure));
    is_well = failure.empty();
    co_await sleep_for(kPause);
  }
}

/// Why it could not be done, or "".
Async<std::string> Doorbell::announce_due() {
  std::string failure;
  for (auto const& topic : topics_) {
    if (!topic->is_due.exchange(false)) continue;
    try {
      co_await store_.database().announce(topic->name, Clock::now() + kPatience);
    } catch (std::exception const& error) {
      if (is_cancellation(error)) throw;
      failure = error.what();
    }
  }
  co_return failure;
}

Async<void> Doorbell::listen() {
  auto heard = [this](std::string_view name) {
    for (auto const& topic : topics_) {
      if (name.empty() || name == topic->name) topic->bells->heard();
    }
  };
  co_await store_.database().listen(heard);
}

}  // namespace minga::records
