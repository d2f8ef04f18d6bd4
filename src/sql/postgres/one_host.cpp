#include "sql/postgres/one_host.hpp"

#include "sql/postgres/watched_socket.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace minga::sql::postgres {
namespace {

namespace asio = boost::asio;

/// The SQLSTATE in a verbose message, `FATAL:  28P01: password ...`, in whatever language; or "".
std::string_view sqlstate_in(std::string_view message) {
  constexpr std::size_t kLength = 5;
  for (auto at = message.find(": "); at != std::string_view::npos;
       at = message.find(": ", at + 1)) {
    auto const from = message.find_first_not_of(' ', at + 1);
    if (from == std::string_view::npos) return {};
    auto const state = message.substr(from, kLength);
    auto const all = state.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    auto const digit = state.find_first_of("0123456789");  // a severity has none
    if (state.size() == kLength && all == std::string_view::npos &&
        digit != std::string_view::npos && message.substr(from + kLength).starts_with(": "))
      return state;
  }
  return {};
}

/// Without the source lines that a verbose message ends with.
std::string first_line(std::string_view message) {
  return std::string(message.substr(0, message.find('\n')));
}

/// What TLS or the server's way of asking for a password made impossible: libpq gives it no code.
bool is_about_settings(std::string_view message) {
  constexpr std::array<std::string_view, 8> kSigns{
      "certificate", "does not support SSL",  "no password supplied", "SSL error",
      "sslmode",     "authentication method", "channel binding",      "root.crt"};
  for (auto const sign : kSigns) {
    if (message.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

NoConnection failure(PGconn const* connection) {
  std::string_view const message = PQerrorMessage(connection);
  auto const state = sqlstate_in(message);
  auto code = state.empty() ? ErrorCode::connection_lost : code_of(state);
  if (state.empty() && is_about_settings(message)) code = ErrorCode::refused;
  if (state == "42501") code = ErrorCode::refused;  // no privilege to connect
  NoConnection result{Error(code, first_line(message))};
  result.is_refused = code == ErrorCode::refused;
  auto const is_standby = message.find("standby mode") != std::string_view::npos ||
                          message.find("read-only") != std::string_view::npos;
  result.has_answered = !state.empty() || result.is_refused || is_standby;
  result.error.retryable = !result.is_refused;
  result.error.connection_usable = false;
  return result;
}

NoConnection unreachable(std::string const& message) {
  return {connection_lost(message)};
}

Async<void> poll_until_done(PGconn* connection) {
  auto const executor = co_await asio::this_coro::executor;
  auto to_read = false;  // libpq: wait to write first
  for (;;) {
    {
      // Each round anew: libpq may have gone on to another socket.
      WatchedSocket socket(executor, PQsocket(connection));
      co_await socket.wait(to_read);
    }
    auto const state = PQconnectPoll(connection);
    if (state == PGRES_POLLING_OK || state == PGRES_POLLING_FAILED) co_return;
    to_read = state == PGRES_POLLING_READING;
  }
}

Handle begin(std::vector<std::pair<std::string, std::string>> const& keywords) {
  std::vector<char const*> names;
  std::vector<char const*> values;
  for (auto const& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  return Handle(PQconnectStartParams(names.data(), values.data(), 0));
}

Async<Attempt> connect_to(Settings const& settings, Host host, Access access) {
  auto const keywords = settings.keywords(host, access);
  auto handle = begin(keywords);
  if (!handle) co_return unreachable("no memory for a connection");
  if (PQstatus(handle.get()) == CONNECTION_BAD) co_return failure(handle.get());
  PQsetErrorVerbosity(handle.get(), PQERRORS_VERBOSE);  // so that it says the SQLSTATE
  auto const where = fmt::format("{}{}{}", host.name.empty() ? host.address : host.name,
                                 host.port.empty() ? "" : ":", host.port);
  auto polling = poll_until_done(handle.get());
  auto is_late = false;
  try {
    co_await with_deadline(Clock::now() + settings.connect_timeout(), std::move(polling));
  } catch (minga::Error const&) {
    is_late = true;
  }
  if (is_late) {
    co_return unreachable(fmt::format("the database server {} did not answer within {} ms", where,
                                      settings.connect_timeout().count()));
  }
  if (PQstatus(handle.get()) != CONNECTION_OK) co_return failure(handle.get());
  PQsetErrorVerbosity(handle.get(), PQERRORS_DEFAULT);
  if (PQsetnonblocking(handle.get(), 1) != 0 || PQenterPipelineMode(handle.get()) != 1)
    co_return failure(handle.get());
  co_return Attempt(std::move(handle));
}

/// The host's addresses, each as a host of its own. Empty when the name cannot be resolved.
Async<std::vector<Host>> resolve(Host host, std::chrono::milliseconds timeout) {
  std::vector<Host> hosts;
  boost::system::error_code no_address;
  asio::ip::make_address(host.name, no_address);
  if (!host.address.empty() || host.name.empty() || host.name.starts_with('/') ||
      host.name.starts_with('@') || !no_address) {
    hosts.push_back(std::move(host));
    co_return hosts;
  }
  asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  auto resolving = resolver.async_resolve(host.name, "", asio::ip::resolver_base::flags(), token);
  try {
    auto const found = co_await with_deadline(Clock::now() + timeout, std::move(resolving));
    for (auto const& entry : found) {
      auto address = entry.endpoint().address().to_string();
      hosts.push_back({host.name, std::move(address), host.port});
    }
  } catch (minga::Error const&) {
    hosts.clear();
  }
  co_return hosts;
}

}  // namespace

void add(std::optional<NoConnection>& all, NoConnection one) {
  auto const may_come = one.may_come() || (all && all->may_come());
  if (!all || (one.has_answered && !all->has_answered)) all = std::move(one);
  if (may_come) all->is_refused = false;
}

Async<Attempt> connect_to_host(Settings const& settings, Access access, std::size_t at) {
  auto const& host = settings.hosts()[at];
  std::optional<NoConnection> failures;
  auto const addresses = co_await resolve(host, settings.connect_timeout());
  if (addresses.empty())
    co_return unreachable(fmt::format("the host {} cannot be found", host.name));
  for (auto const& each : addresses) {
    auto attempt = co_await connect_to(settings, each, access);
    if (std::holds_alternative<Handle>(attempt)) co_return attempt;
    add(failures, std::move(std::get<NoConnection>(attempt)));
  }
  co_return std::move(*failures);
}

}  // namespace minga::sql::postgres
