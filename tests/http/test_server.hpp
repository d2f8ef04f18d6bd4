#pragma once

#include <minga/request.hpp>

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "http/server.hpp"

#include <atomic>
#include <chrono>
#include <memory>

namespace minga::testing {

/// What the handlers below have seen.
struct Seen {
  std::atomic<int> requests = 0;
  std::atomic<int> smuggled = 0;  // requests for /smuggled: nobody meant to send one
};

/// A server with two I/O threads on a port that the kernel chose. Its paths:
///   /echo           the body, as text        /headers   the request's headers as the handler sees
///   them /ignore         answers without reading  /fault     throws what is no Error /stream three
///   pieces, chunked    /broken    two pieces, then a fault /endless        pieces until it is told
///   to stop /big            16 MiB of text           /static    "0123456789" /slow           waits
///   until it is cancelled; /stubborn turns its cancellation into an Error /file           the file
///   given to serve_file()
class TestServer {
 public:
  static http::Settings settings();

  explicit TestServer(http::Settings settings = TestServer::settings());
  ~TestServer();

  std::uint16_t port() const { return server_->port(); }
  std::string url() const { return server_->url(); }
  void stop(std::chrono::milliseconds patience = std::chrono::seconds(5));
  Seen& seen() { return seen_; }
  void serve_file(std::filesystem::path path) { file_ = std::move(path); }

 private:
  Async<Response> handle(Request& request);
  Response choose(Request& request);

  Seen seen_;
  Metrics metrics_;
  std::filesystem::path file_;
  IoThreads threads_{2};
  std::unique_ptr<http::Server> server_;
  bool running_ = true;
};

}  // namespace minga::testing
