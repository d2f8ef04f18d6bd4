// The HTTP module alone: how many small answers a second it gives. Drive it with wrk.
#include "http/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

using namespace minga;

namespace {

Async<Response> hello(Request&) {
  co_return Response::json_text(R"({"message":"Hello"})");
}

Async<void> start(http::Server& server) {
  co_await server.start();
}

Async<void> stop(http::Server& server) {
  co_await server.stop(Clock::now() + std::chrono::seconds{5});
}

}  // namespace

int main() {
  IoThreads threads(0);
  threads.start();
  Metrics metrics;
  http::Settings settings;
  settings.port = 0;
  settings.access_log = std::getenv("ACCESS_LOG") != nullptr;
  http::Server server(threads, settings, hello, metrics);
  boost::asio::co_spawn(threads.context(0), start(server), boost::asio::use_future).get();
  fmt::print("{}\n", server.url());
  std::fflush(stdout);
  std::cin.get();  // until standard input ends
  boost::asio::co_spawn(threads.context(0), stop(server), boost::asio::use_future).get();
}
