#include "http/server.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"
#include "http/lane.hpp"
#include "http/tls.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include <stdexcept>

namespace minga::http {
namespace {

using boost::asio::ip::tcp;

using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

tcp::endpoint resolve(boost::asio::io_context& context, std::string const& host,
                      std::uint16_t port) {
  boost::system::error_code error;
  if (auto const address = boost::asio::ip::make_address(host, error); !error)
    return {address, port};
  tcp::resolver resolver(context);
  auto const found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    throw std::runtime_error(
        fmt::format("The address '{}' to listen on is not known: {}.", host, error.message()));
  }
  return *found.begin();
}

tcp::acceptor listen(boost::asio::io_context& context, tcp::endpoint const& endpoint,
                     bool shared_port) {
  tcp::acceptor acceptor(context);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && shared_port) acceptor.set_option(ReusePort(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(4096, error);
  if (error) {
    throw std::runtime_error(
        fmt::format("{}:{} cannot be listened on: {}. Choose another with --listen HOST:PORT.",
                    endpoint.address().to_string(), endpoint.port(), error.message()));
  }
  return acceptor;
}

/// SO_REUSEPORT would let a second server share the port in silence: without it the kernel says
/// that it is taken.
void require_free(boost::asio::io_context& context, tcp::endpoint const& endpoint) {
  if (endpoint.port() != 0) listen(context, endpoint, false);
}

}  // namespace

struct Server::Impl {
  Impl(IoThreads& io, Settings given, Handler handler, Metrics& metrics)
      : threads(io),
        shared{std::move(given), std::move(handler), ServerMetrics(metrics),
               BlockingPool("http", 2, 256), nullptr} {}

  IoThreads& threads;
  Shared shared;
  std::vector<std::unique_ptr<Lane>> lanes;
  tcp::endpoint endpoint;
};

Server::Server(IoThreads& threads, Settings settings, Handler handler, Metrics& metrics)
    : impl_(std::make_unique<Impl>(threads, std::move(settings), std::move(handler), metrics)) {}

Server::~Server() = default;

namespace {

Async<void> start_lane(Lane* lane, tcp::acceptor acceptor,
                       std::unique_ptr<tcp::acceptor> redirect) {
  lane->start(std::move(acceptor), std::move(redirect));
  co_return;
}

Async<void> begin_stop(Lane* lane) {
  co_await lane->begin_stop();
}

Async<void> finish_stop(Lane* lane, Deadline deadline) {
  co_await lane->finish_stop(deadline);
}

}  // namespace

Async<void> Server::start() {
  auto& shared = impl_->shared;
  auto const& settings = shared.settings;
  shared.tls = make_tls_context(settings);
  auto& first = impl_->threads.context(0);
  impl_->endpoint = resolve(first, settings.host, settings.port);
  auto redirect_endpoint = tcp::endpoint(impl_->endpoint.address(), settings.redirect_port);
  auto const redirects = shared.tls && settings.redirect_port != 0;
  require_free(first, impl_->endpoint);
  if (redirects) require_free(first, redirect_endpoint);
  std::vector<tcp::acceptor> acceptors;
  std::vector<std::unique_ptr<tcp::acceptor>> redirecting;
  for (std::size_t i = 0; i < impl_->threads.size(); ++i) {
    acceptors.push_back(listen(impl_->threads.context(i), impl_->endpoint, true));
    impl_->endpoint = acceptors.front().local_endpoint();
    redirecting.push_back(redirects ? std::make_unique<tcp::acceptor>(listen(
                                          impl_->threads.context(i), redirect_endpoint, true))
                                    : nullptr);
  }
  shared.tls_port = port();
  for (std::size_t i = 0; i < acceptors.size(); ++i) {
    auto& context = impl_->threads.context(i);
    impl_->lanes.push_back(std::make_unique<Lane>(context, shared));
    auto task =
        start_lane(impl_->lanes.back().get(), std::move(acceptors[i]), std::move(redirecting[i]));
    co_await boost::asio::co_spawn(context, std::move(task), boost::asio::use_awaitable);
  }
}

Async<void> Server::stop(Deadline deadline) {
  impl_->shared.draining = true;
  for (auto& lane : impl_->lanes) {
    auto task = begin_stop(lane.get());
    co_await boost::asio::co_spawn(lane->context(), std::move(task), boost::asio::use_awaitable);
  }
  for (auto& lane : impl_->lanes) {
    auto task = finish_stop(lane.get(), deadline);
    co_await boost::asio::co_spawn(lane->context(), std::move(task), boost::asio::use_awaitable);
  }
  impl_->lanes.clear();
}

std::uint16_t Server::port() const {
  return impl_->endpoint.port();
}

std::string Server::url() const {
  auto const address = impl_->endpoint.address();
  auto host = address.is_unspecified() ? std::string("127.0.0.1") : address.to_string();
  if (address.is_v6() && !address.is_unspecified()) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", impl_->shared.tls ? "https" : "http", host, port());
}

std::uint64_t Server::answered() const {
  return impl_->shared.metrics.answered();
}

std::int64_t Server::running() const {
  return static_cast<std::int64_t>(impl_->shared.metrics.running.Value());
}

bool Server::draining() const {
  return impl_->shared.draining;
}

}  // namespace minga::http
