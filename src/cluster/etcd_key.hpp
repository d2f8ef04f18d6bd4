#pragma once

#include <minga/error.hpp>

#include "cluster/address.hpp"
#include "http/client.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minga::cluster {

/// One of the keys in which Patroni keeps a set's state, in etcd's second API. Calls go to the
/// endpoints in turn, again and again until the deadline, until one answers.
class EtcdKey {
 public:
  struct Value {
    std::string text;          // empty: there is no such key
    std::uint64_t index = 0;   // etcd's count of changes as of which it is so
    bool has_expired = false;  // nobody deleted it: its time was over
  };

  /// `name` as Patroni has it: "leader", "sync". The client must outlive this.
  EtcdKey(http::Client const& client, std::vector<HostPort> endpoints, std::string const& set,
          std::string_view name);

  // Of each: Error 503 when etcd does not answer, or not as it should.

  /// What a majority has.
  Async<Value> get(Deadline deadline) const;
  /// Writes the text where nobody else has since that index. Error 409 where somebody has, or
  /// perhaps this call itself, through an endpoint that gave no answer.
  Async<void> replace(Value value, Deadline deadline) const;
  /// What the first change after that index made of it, as soon as there is one; writing the same
  /// again is one. Asks the first endpoint alone. Error 409 when etcd has forgotten what came after
  /// the index, which it does after a thousand changes of any keys.
  Async<Value> next(std::uint64_t index, Deadline deadline) const;

 private:
  Async<http::ClientResponse> send(std::string method, std::string query, Deadline deadline) const;
  Async<http::ClientResponse> ask(HostPort endpoint, std::string method, std::string query,
                                  Deadline deadline) const;
  Error unavailable(http::ClientResponse const& response) const;

  http::Client const& client_;
  std::vector<HostPort> endpoints_;
  std::string path_;
};

}  // namespace minga::cluster
