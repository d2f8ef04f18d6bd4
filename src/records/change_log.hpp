#pragma once

#include "records/changes.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace minga::records {

/// `_changes` behind the Changes interface. Numbers grow in commit order because the engine has one
/// writer; an engine with several publishes only below its oldest running transaction.
class ChangeLog : public Changes {
 public:
  explicit ChangeLog(sql::Database& database);
  void set_epoch(std::string epoch) { epoch_ = std::move(epoch); }

  std::string const& epoch() const override { return epoch_; }
  Async<Position> last(Deadline deadline) override;
  Async<std::vector<Change>> after(std::int64_t number, std::int64_t limit,
                                   Deadline deadline) override;
  Async<std::int64_t> first_kept(Deadline deadline) override;
  Async<std::int64_t> prune(std::chrono::seconds keep, Deadline deadline) override;
  void on_commit(std::function<void()> ring) override;

  /// To run in the write's own transaction; its inserted_key() is the change's number. The texts
  /// are JSON; `before` is "" but for an update.
  sql::Statement append(std::string collection, std::string record_id, Action action,
                        std::string record, std::string before) const;
  /// After the commit.
  void ring() const;

 private:
  sql::Database& database_;
  std::string append_;
  std::string epoch_;
  mutable std::mutex mutex_;
  std::vector<std::function<void()>> bells_;
};

}  // namespace minga::records
