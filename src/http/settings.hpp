#pragma once

#include <minga/request.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace minga::http {

/// The server's bounds and addresses. Every one is a named setting (docs/configuration.md).
struct Settings {
  std::string host = "127.0.0.1";
  /// 0: the kernel chooses.
  std::uint16_t port = 8090;

  std::size_t max_header_bytes = 32 * 1024;       // 431
  std::size_t max_target_bytes = 16 * 1024;       // 414
  std::size_t max_body_bytes = 32 * 1024 * 1024;  // 413
  std::size_t max_json_depth = 64;                // 400
  std::size_t max_parts = 1'000;                  // 400
  std::size_t max_connections = 10'000;  // beyond it a connection is answered 503 and closed
  std::chrono::milliseconds header_timeout{10'000};  // from the first byte of a head to its end
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds write_timeout{30'000};  // no byte taken by the client for that long
  std::chrono::milliseconds body_timeout{30'000};   // no byte sent by the client for that long
  std::chrono::milliseconds request_timeout{
      30'000};  // a request's deadline; streams and transfers excepted
  std::chrono::milliseconds drain_timeout{10'000};

  /// "*" or a list; empty: no CORS headers.
  std::vector<std::string> cors_origins = {"*"};
  std::vector<std::string> trusted_proxies =
      {};                            // addresses whose X-Forwarded-For, -Proto are believed
  Language language = Language::es;  // where a client names none
  bool compress = true;
  bool access_log = true;

  /// TLS when both are given (PEM).
  std::filesystem::path tls_certificate;
  std::filesystem::path tls_key;
  /// With TLS: a plain listener on this port that redirects to https; 0: none.
  std::uint16_t redirect_port = 0;
};

}  // namespace minga::http
