#pragma once

#include <minga/async.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace minga::http {

/// Who a client is and whom it believes: all PEM texts.
struct ClientTls {
  std::string authority;    // certificates that a server's must descend from
  std::string certificate;  // the client's own; empty: it shows none
  std::string key;
};

struct ClientRequest {
  std::string method = "GET";
  std::string host;  // a name or an address, IPv6 without brackets
  std::uint16_t port = 0;
  std::string target = "/";
  std::string body;  // sent as JSON; empty: no body
};

struct ClientResponse {
  int status = 0;
  std::string body;
};

/// Sends requests over HTTP/1.1, each over a connection of its own. With TLS the server's
/// certificate must name the host that was asked. Used from any thread; must outlive its requests.
class Client {
 public:
  static constexpr std::size_t kMaxBody = std::size_t{16} << 20;

  Client();  // without TLS
  /// Throws std::runtime_error when a PEM text cannot be read.
  explicit Client(ClientTls const& tls);
  ~Client();
  Client(Client const&) = delete;
  Client& operator=(Client const&) = delete;

  /// Error 503 when no answer came, whatever the reason: it names host and port. Past the deadline
  /// it is deadline_error(). An answer of any status is a result.
  Async<ClientResponse> send(ClientRequest request, Deadline deadline) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minga::http
