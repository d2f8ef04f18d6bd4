#pragma once

#include "cluster/etcd_key.hpp"
#include "cluster/patroni.hpp"

#include <string>

namespace minga::cluster {

/// Wakes this member's Patroni when the set's leader changes, and for a short while after. What
/// Patroni then does is Patroni's: it looks at the set as it would have done by itself, up to a
/// turn of its loop later. With a loop of one second Patroni 3.0 does not watch the leader's key,
/// and the primary's never does.
class LeaderWatch {
 public:
  /// `leader` and `sync` are Patroni's keys of those names. All must outlive this.
  LeaderWatch(EtcdKey const& leader, EtcdKey const& sync, Patroni const& patroni,
              std::string member);

  /// Until cancelled.
  Async<void> run();

 private:
  Async<void> watch();
  Async<void> see(EtcdKey::Value value);
  Async<bool> is_concerned() const;
  Async<void> wake() const;

  EtcdKey const& leader_;
  EtcdKey const& sync_;
  Patroni const& patroni_;
  std::string member_;
  EtcdKey::Value seen_;
};

}  // namespace minga::cluster
