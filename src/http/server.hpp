#pragma once

#include <minga/request.hpp>
#include <minga/response.hpp>

#include "async/io_threads.hpp"
#include "async/service.hpp"
#include "base/metrics.hpp"
#include "http/settings.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace minga::http {

/// Listens on every I/O thread (SO_REUSEPORT) and hands each request to one handler. The handler
/// answers everything, errors included; what it lets out as an exception becomes a plain 500. The
/// server itself sees to: framing and its limits (431, 414, 413, 400), deadlines, keep-alive and
/// pipelining, HEAD, Range and conditional answers, compression, CORS, request ids, the access log,
/// metrics, draining.
class Server : public Service {
 public:
  Server(IoThreads& threads, Settings settings, Handler handler, Metrics& metrics);
  ~Server() override;

  std::string_view name() const override { return "http"; }
  Async<void> start() override;
  Async<void> stop(Deadline deadline) override;

  /// After start(): the port in use and the URL to print, "http://127.0.0.1:8090".
  std::uint16_t port() const;
  std::string url() const;
  bool draining() const;
  /// Since start(): how many requests were answered. Now: how many wait for their answer.
  std::uint64_t answered() const;
  std::int64_t running() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minga::http
