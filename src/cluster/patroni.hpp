#pragma once

#include "cluster/address.hpp"
#include "http/client.hpp"

#include <optional>
#include <string>

namespace minga::cluster {

/// Patroni's REST API at one member. Error 503 when it does not answer.
class Patroni {
 public:
  /// The client must outlive this.
  Patroni(http::Client const& client, HostPort place);

  /// The status alone of a health check: "/primary", "/replica", "/liveness".
  Async<int> check(std::string path, Deadline deadline) const;
  /// "/patroni", "/cluster", "/history", "/config". Error 503, too, when there is nothing yet.
  Async<Json> get(std::string path, Deadline deadline) const;
  /// Has it look at the set now, if it is waiting for its next turn. It has no request for that
  /// alone: this changes nothing in the shared configuration.
  Async<void> wake(Deadline deadline) const;
  /// Hands the primary's role over; to any synchronous standby when `candidate` is empty. Returns
  /// when it has happened. Error 409 with Patroni's words.
  Async<void> switch_over(std::string leader, std::string candidate, Deadline deadline) const;
  /// Makes the member's copy anew from the primary's. Error 409 with Patroni's words.
  Async<void> reinitialize(Deadline deadline) const;

 private:
  Async<http::ClientResponse> send(std::string method, std::string path, std::string body,
                                   Deadline deadline) const;
  Async<void> command(std::string method, std::string path, JsonObject body,
                      Deadline deadline) const;

  http::Client const& client_;
  HostPort place_;
};

}  // namespace minga::cluster
