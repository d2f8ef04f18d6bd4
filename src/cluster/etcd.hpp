#pragma once

#include "cluster/address.hpp"
#include "http/client.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace minga::cluster {

struct EtcdMember {
  std::string id;    // a number too large for JSON's
  std::string name;  // empty: it was added and has never started
  std::vector<std::string> peer_urls;
  bool is_learner = false;
};

struct EtcdStatus {
  std::string id;      // of the member that answered
  std::string leader;  // "0": none
  std::int64_t term = 0;
  bool is_learner = false;

  bool has_leader() const { return leader != "0" && !leader.empty(); }
};

/// etcd's version 3 API through its JSON gateway. Calls go to the endpoints in turn, first to the
/// one that last answered, until one answers; Error 503 when none did, Error 409 with etcd's words
/// when it refused. Used from any thread.
class Etcd {
 public:
  /// The client must outlive this.
  Etcd(http::Client const& client, std::vector<HostPort> endpoints);

  Async<std::vector<EtcdMember>> members(Deadline deadline) const;
  /// Of the first endpoint that answers.
  Async<EtcdStatus> status(Deadline deadline) const;
  Async<void> add_learner(std::string peer_url, Deadline deadline) const;
  Async<void> promote(std::string id, Deadline deadline) const;
  Async<void> remove(std::string id, Deadline deadline) const;
  /// Makes another member etcd's leader; asked of the present one.
  Async<void> move_leader(std::string id, Deadline deadline) const;

  Async<void> put(std::string key, std::string value, Deadline deadline) const;
  Async<void> erase(std::string key, Deadline deadline) const;
  /// Keys that begin so, with their values; also without a majority, then perhaps old ones.
  Async<std::map<std::string, std::string>> list(std::string prefix, Deadline deadline) const;

 private:
  Async<Json> call(std::string path, JsonObject body, Deadline deadline) const;

  http::Client const& client_;
  std::vector<HostPort> endpoints_;
  mutable std::atomic<std::size_t> first_{0};
};

}  // namespace minga::cluster
