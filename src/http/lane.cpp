#include "http/lane.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"
#include "http/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

namespace minga::http {
namespace {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto kSweep = 100ms;
/// From the end of a drain, for handlers that were cancelled then to answer.
constexpr auto kLastAnswers = 1s;

Async<void> run_session(std::shared_ptr<SessionBase> session) {
  co_await session->run();
}

bool is_lasting(boost::system::error_code const& error) {
  return error == boost::asio::error::no_descriptors ||
         error == boost::system::errc::too_many_files_open_in_system ||
         error == boost::asio::error::no_memory || error == boost::asio::error::no_buffer_space;
}

}  // namespace

ServerMetrics::ServerMetrics(Metrics& metrics)
    : connections(metrics.gauge("minga_http_connections", "Open client connections.")),
      running(metrics.gauge("minga_http_requests_running",
                            "Requests that wait for their answer, but for streams.")),
      refused_connections(metrics.counter("minga_http_refused_connections_total",
                                          "Connections beyond max-connections.")),
      bytes_sent(
          metrics.counter("minga_http_sent_bytes_total", "Bytes of answers handed to the kernel.")),
      seconds_(metrics.seconds("minga_http_request_seconds",
                               "Time from a request's head to its answer being sent.")) {
  for (std::size_t i = 0; i < by_class_.size(); ++i) {
    by_class_[i] =
        &metrics.counter("minga_http_requests_total", "Answered requests by class of status.",
                         {{"status", fmt::format("{}xx", i + 1)}});
  }
}

void ServerMetrics::answered(int status, double seconds) {
  by_class_.at(static_cast<std::size_t>(std::clamp(status / 100, 1, 5) - 1))->Increment();
  seconds_.Observe(seconds);
}

std::uint64_t ServerMetrics::answered() const {
  double all = 0;
  for (auto const* one : by_class_) all += one->Value();
  return static_cast<std::uint64_t>(all);
}

Lane::Lane(boost::asio::io_context& context, Shared& shared)
    : context_(context),
      shared_(shared),
      sessions_(context.get_executor(), "http connection"),
      watching_(context.get_executor(), "http listener") {}

void Lane::start(Acceptor acceptor, std::unique_ptr<Acceptor> redirect) {
  acceptor_ = std::make_unique<Acceptor>(std::move(acceptor));
  redirect_ = std::move(redirect);
  watching_.spawn(accept(*acceptor_, false));
  if (redirect_) watching_.spawn(accept(*redirect_, true));
  watching_.spawn(watch());
}

Async<void> Lane::accept(Acceptor& acceptor, bool redirects) {
  for (;;) {
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    auto socket = co_await acceptor.async_accept(token);
    if (!acceptor.is_open() || error == boost::asio::error::operation_aborted) co_return;
    if (!error) {
      admit(std::move(socket), redirects);
    } else if (is_lasting(error)) {
      log::warning(fmt::format("accepting a connection: {}; waiting", error.message()));
      co_await sleep_for(kSweep);
    }
  }
}

void Lane::admit(tcp::socket socket, bool redirects) {
  if (shared_.connections >= shared_.settings.max_connections) {
    shared_.metrics.refused_connections.Increment();
    constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: "
        "close\r\nContent-Length: 0\r\n\r\n";
    // Its buffer is empty, so this fits or the client gets nothing but the close.
    (void)::send(socket.native_handle(), kFull.data(), kFull.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return;
  }
  auto session = make_session(*this, std::move(socket), redirects);
  auto& signal = sessions_.spawn(run_session(session));
  session->signal = &signal;
}

Async<void> Lane::watch() {
  for (;;) {
    co_await sleep_for(kSweep);
    log::flush_access();
    for_each_connection([now = Clock::now()](Connection& connection) {
      if (now >= connection.io_deadline) {
        connection.close();
      } else if (now >= connection.request_deadline) {
        connection.expire_request();
      }
    });
  }
}

Async<void> Lane::begin_stop() {
  boost::system::error_code ignored;  // a listener that is closed already is what is wanted
  if (acceptor_) acceptor_->close(ignored);
  if (redirect_) redirect_->close(ignored);
  for_each_connection([](Connection& connection) { connection.drain(); });
  co_return;
}

Async<void> Lane::wait_for_sessions(Deadline deadline) {
  while (sessions_.size() > 0 && Clock::now() < deadline) co_await sleep_for(5ms);
}

Async<void> Lane::finish_stop(Deadline deadline) {
  co_await wait_for_sessions(deadline);
  for_each_connection([](Connection& connection) {
    if (connection.request_deadline != Deadline::max()) connection.expire_request();
  });
  co_await wait_for_sessions(Clock::now() + kLastAnswers);
  if (sessions_.size() > 0) {
    log::warning(fmt::format("http: {} connections are cut, the time to finish has passed",
                             sessions_.size()));
    for_each_connection([](Connection& connection) { connection.close(); });
    sessions_.cancel();
  }
  co_await sessions_.join();
  watching_.cancel();
  co_await watching_.join();
}

}  // namespace minga::http
