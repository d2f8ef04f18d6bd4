#include "sql/postgres/listening.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"
#include "sql/postgres/connecting.hpp"
#include "sql/postgres/session.hpp"

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <exception>
#include <numeric>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

using namespace std::chrono_literals;
using Heard = std::function<void(std::string_view topic)>;

constexpr auto kAgain = 250ms;
/// A server that is paused or cut off keeps its connection: after that long without a word it is
/// asked for one, and has as long to answer.
constexpr auto kQuiet = 3s;

void tell(Session& session, std::string_view identity, Heard const& heard) {
  while (auto const payload = session.notification()) {
    std::string_view const said = *payload;
    auto const space = said.find(' ');
    if (space == std::string_view::npos || said.substr(0, space) == identity) continue;
    heard(said.substr(space + 1));
  }
}

Async<void> follow(Session& session, std::string_view identity, Heard const& heard) {
  co_await session.ask(fmt::format("LISTEN {}", kChannel), Clock::now() + kQuiet);
  heard("");
  for (;;) {
    tell(session, identity, heard);
    auto const spoke = co_await session.hear(Clock::now() + kQuiet);
    if (!spoke) co_await session.ask("", Clock::now() + kQuiet);
  }
}

/// Until the connection is lost; says why.
Async<std::string> connect_and_follow(Settings const& settings, std::vector<std::size_t>& hosts,
                                      std::string_view identity, Heard const& heard) {
  std::string failure;
  try {
    auto attempt = co_await connect(settings, Access::read, hosts);
    if (auto const* no = std::get_if<NoConnection>(&attempt)) co_return no->error.what();
    Session session(co_await boost::asio::this_coro::executor,
                    std::move(std::get<Handle>(attempt)));
    co_await follow(session, identity, heard);
  } catch (std::exception const& error) {
    failure = error.what();
  }
  co_return failure;
}

}  // namespace

Async<void> listen(Settings const& settings, std::string identity, Heard heard) {
  std::vector<std::size_t> hosts(settings.hosts().size());
  std::iota(hosts.begin(), hosts.end(), 0);
  for (;;) {
    // That no server is to be had is logged where statements wait for one.
    auto const failure = co_await connect_and_follow(settings, hosts, identity, heard);
    log::debug(fmt::format("The connection that listens is lost: {}", failure));
    co_await sleep_for(kAgain);  // sees the cancellation
  }
}

}  // namespace minga::sql::postgres
