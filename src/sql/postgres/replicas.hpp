#pragma once

#include "sql/postgres/pool.hpp"
#include "sql/postgres/standbys.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace minga::sql::postgres {

/// The connections of one I/O thread to standbys, for reads that they may answer. All calls on that
/// thread.
class Replicas {
 public:
  Replicas(boost::asio::io_context& context, Settings const& settings, Options const& options,
           BlockingPool& cancels, Whereabouts& whereabouts, Counts& counts, Standbys& standbys);

  /// The rows of a statement that has a `replica`, which learns who has answered; nothing where the
  /// primary is to do it: no standby is fresh enough, none has seen in time what the reader has, or
  /// all failed. Throws sql::Error past the statement's deadline alone.
  Async<std::optional<Rows>> read(Statement const& statement);

  /// What was sent to that host is done elsewhere, at once.
  void abandon(std::size_t host, Error const& why);
  /// Once no read is under way.
  Async<void> close();

 private:
  struct Attempt;

  std::vector<std::size_t> hosts_for(ReplicaReads const& reads);
  Pool& pool_of(std::size_t host);
  Async<void> ask(std::size_t host, Attempt& attempt);
  Async<bool> ask_all(std::vector<std::size_t> hosts, Attempt& attempt);

  boost::asio::io_context& context_;
  Settings const& settings_;
  Options const& options_;
  BlockingPool& cancels_;
  Whereabouts& whereabouts_;
  Counts& counts_;
  Standbys& standbys_;
  std::vector<std::unique_ptr<Pool>> pools_;  // by host; null: not used yet
  std::size_t next_ = 0;
};

}  // namespace minga::sql::postgres
