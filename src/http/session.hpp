#pragma once

#include <minga/async.hpp>

#include "http/lane.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace minga::http {

/// A connection with its coroutine: run() ends when the connection has.
class SessionBase : public Connection {
 public:
  virtual Async<void> run() = 0;
  /// Cancels the handler at its deadline; set by the lane once the coroutine is spawned.
  boost::asio::cancellation_signal* signal = nullptr;
};

/// Over TLS when the server has a certificate and `redirects` is false; a redirecting session
/// answers every request with its https address.
std::shared_ptr<SessionBase> make_session(Lane& lane, boost::asio::ip::tcp::socket socket,
                                          bool redirects);

}  // namespace minga::http
