#include "http/test_server.hpp"

#include "async/deadline.hpp"
#include "http/request_impl.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>

#include <stdexcept>

namespace minga::testing {
namespace {

using namespace std::chrono_literals;

Async<void> write_pieces(BodyWriter& writer) {
  for (std::string_view const piece : {"one,", "two,", "three"}) co_await writer.write(piece);
}

Async<void> write_and_fail(BodyWriter& writer) {
  co_await writer.write("one,");
  co_await writer.write("two,");
  throw std::runtime_error("the source has dried up");
}

Async<void> write_endlessly(BodyWriter& writer) {
  while (!writer.stopping()) {
    co_await writer.write("again,");
    co_await writer.wait(20ms);
  }
  co_await writer.write("end");
}

Async<Response> echo(Request& request) {
  auto const body = co_await request.body();
  co_return Response::text(std::string(body));
}

/// Is at what no cancellation interrupts while its deadline passes, and then goes on.
Async<Response> thorough(Request& request) {
  auto const executor = co_await boost::asio::this_coro::executor;
  auto token = boost::asio::bind_cancellation_slot(boost::asio::cancellation_slot(),
                                                   boost::asio::use_awaitable);
  co_await boost::asio::co_spawn(executor, sleep_for(1s), token);
  co_return co_await echo(request);
}

Async<Response> stubborn() {
  bool cancelled = false;
  try {
    co_await sleep_for(1h);
  } catch (boost::system::system_error const&) {
    cancelled = true;
  }
  if (cancelled) throw Error::unavailable("Given up.");
  co_return Response::empty();
}

Response show_headers(Request& request) {
  std::string text;
  for (auto const& [name, value] : request.impl().headers) text += name + "=" + value + "\n";
  return Response::text(std::move(text));
}

}  // namespace

http::Settings TestServer::settings() {
  http::Settings settings;
  settings.port = 0;
  settings.access_log = false;
  return settings;
}

TestServer::TestServer(http::Settings settings) {
  auto handler = [this](Request& request) {
    return handle(request);
  };
  server_ = std::make_unique<http::Server>(threads_, std::move(settings), handler, metrics_);
  threads_.start();
  boost::asio::co_spawn(threads_.context(0), server_->start(), boost::asio::use_future).get();
}

TestServer::~TestServer() {
  if (running_) stop();
}

void TestServer::stop(std::chrono::milliseconds patience) {
  running_ = false;
  boost::asio::co_spawn(threads_.context(0), server_->stop(Clock::now() + patience),
                        boost::asio::use_future)
      .get();
  threads_.join();
}

Async<Response> TestServer::handle(Request& request) {
  ++seen_.requests;
  auto const path = request.path();
  if (path == "/echo") co_return co_await echo(request);
  if (path == "/thorough") co_return co_await thorough(request);
  if (path == "/stubborn") co_return co_await stubborn();
  if (path == "/slow") co_await sleep_for(1h);
  co_return choose(request);
}

Response TestServer::choose(Request& request) {
  auto const path = request.path();
  if (path == "/smuggled") ++seen_.smuggled;
  if (path == "/headers") return show_headers(request);
  if (path == "/fault") throw std::runtime_error("a secret cause");
  if (path == "/stream") return Response::stream("text/plain", write_pieces);
  if (path == "/broken") return Response::stream("text/plain", write_and_fail);
  if (path == "/endless") return Response::stream("text/event-stream", write_endlessly);
  if (path == "/big") return Response::text(std::string(16 << 20, 'x'));
  if (path == "/static") return Response::static_bytes("0123456789", "image/png").etag("digits");
  if (path == "/file") return Response::file(file_, "application/octet-stream");
  if (path == "/ignore") return Response::text("ignored");
  if (path == "/" || path == "/smuggled") return Response::text(std::string(path));
  throw Error::not_found();
}

}  // namespace minga::testing
