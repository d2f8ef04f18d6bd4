#include "records/catalog_watch.hpp"

#include "base/logging.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>

namespace minga::records {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;

}  // namespace

CatalogWatch::CatalogWatch(IoThreads& threads, Store& store, std::chrono::milliseconds poll)
    : store_(store),
      poll_(poll),
      bell_(std::make_shared<Bell>(threads.context(0))),
      tasks_(threads.context(0).get_executor(), "catalog") {}

Async<void> CatalogWatch::start() {
  if (store_.database().is_exclusive()) co_return;
  store_.declarations().on_news([bell = bell_] { bell->ring(); });
  tasks_.spawn(watch());
}

Async<void> CatalogWatch::stop(Deadline) {
  tasks_.cancel();
  co_await tasks_.join();
}

/// What goes wrong is logged once, until it went well again.
Async<void> CatalogWatch::watch() {
  auto is_well = true;
  for (;;) {
    co_await bell_->wait(poll_);
    std::string failure;
    try {
      co_await store_.refresh(Clock::now() + kPatience);
    } catch (std::exception const& error) {
      if (is_cancellation(error)) throw;
      failure = error.what();
    }
    if (!failure.empty() && is_well)
      log::warning(fmt::format("The collections of other nodes cannot be read: {}", failure));
    is_well = failure.empty();
  }
}

}  // namespace minga::records
