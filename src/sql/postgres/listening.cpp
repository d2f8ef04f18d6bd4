#include "sql/postgres/listening.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"
#include "sql/postgres/connecting.hpp"
#include "sql/postgres/lent_socket.hpp"

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;

constexpr auto kAgain = 250ms;
/// A server that is paused or cut off keeps its connection: after that long without a word it is
/// asked for one, and has as long to answer.
constexpr auto kQuiet = 3s;

struct FreeMemory {
  void operator()(void* memory) const { PQfreemem(memory); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};

[[noreturn]] void fail(PGconn const* connection) {
  std::string const said = PQerrorMessage(connection);
  throw std::runtime_error(said.empty() ? "the server closed the connection"
                                        : said.substr(0, said.find('\n')));
}

/// One connection that listens.
class Listener {
 public:
  Listener(boost::asio::any_io_executor const& executor, Handle handle, std::string identity,
           std::function<void(std::string_view)> const& heard)
      : handle_(std::move(handle)),
        socket_(executor, PQsocket(handle_.get())),
        identity_(std::move(identity)),
        heard_(heard) {}

  /// Until the connection is lost; says why.
  Async<std::string> run() {
    std::string failure;
    try {
      if (PQexitPipelineMode(handle_.get()) == 0) fail(handle_.get());
      co_await ask(fmt::format("LISTEN {}", kChannel));
      heard_("");
      for (;;) {
        auto const until = Clock::now() + kQuiet;
        auto const spoke = co_await is_readable(until);
        if (spoke) {
          take();
        } else {
          co_await ask("");
        }
      }
    } catch (std::exception const& error) {
      failure = error.what();
    }
    co_return failure;
  }

 private:
  /// Sends the statement and awaits its end.
  Async<void> ask(std::string sql) {
    auto const until = Clock::now() + kQuiet;
    if (PQsendQuery(handle_.get(), sql.c_str()) == 0) fail(handle_.get());
    while (PQflush(handle_.get()) == 1) co_await socket_.wait(false);
    for (;;) {
      while (PQisBusy(handle_.get()) == 0) {
        std::unique_ptr<PGresult, Clear> const result(PQgetResult(handle_.get()));
        if (!result) co_return;
        if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) fail(handle_.get());
      }
      auto const spoke = co_await is_readable(until);
      if (!spoke) throw std::runtime_error("the server does not answer");
      take();
    }
  }

  Async<bool> is_readable(Deadline until) {
    auto waiting = socket_.wait(true);
    try {
      co_await with_deadline(until, std::move(waiting));
    } catch (minga::Error const&) {
      co_return false;
    }
    co_return true;
  }

  void take() {
    if (PQconsumeInput(handle_.get()) == 0) fail(handle_.get());
    while (std::unique_ptr<PGnotify, FreeMemory> const notice{PQnotifies(handle_.get())}) {
      std::string_view const said = notice->extra;
      auto const space = said.find(' ');
      if (space == std::string_view::npos || said.substr(0, space) == identity_) continue;
      heard_(said.substr(space + 1));
    }
  }

  Handle handle_;
  LentSocket socket_;  // given back before the handle closes it
  std::string identity_;
  std::function<void(std::string_view)> const& heard_;
};

/// A process without descriptors to spare, say, is no reason to give up for ever.
Async<Attempt> try_hosts(Settings const& settings, std::vector<std::size_t>& hosts) {
  std::string failure;
  try {
    co_return co_await connect(settings, Access::read, hosts);
  } catch (std::exception const& error) {
    failure = error.what();
  }
  co_return NoConnection{connection_lost(failure)};
}

}  // namespace

Async<void> listen(Settings const& settings, std::string identity,
                   std::function<void(std::string_view topic)> heard) {
  auto const executor = co_await boost::asio::this_coro::executor;
  std::vector<std::size_t> hosts(settings.hosts().size());
  std::iota(hosts.begin(), hosts.end(), 0);
  for (;;) {
    auto attempt = co_await try_hosts(settings, hosts);
    // That none is to be had is logged where statements wait for one.
    if (auto* handle = std::get_if<Handle>(&attempt)) {
      Listener listener(executor, std::move(*handle), identity, heard);
      auto const failure = co_await listener.run();
      log::debug(fmt::format("The connection that listens is lost: {}", failure));
    }
    co_await sleep_for(kAgain);  // sees the cancellation
  }
}

}  // namespace minga::sql::postgres
