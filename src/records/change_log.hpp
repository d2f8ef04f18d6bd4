#pragma once

#include "records/changes.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

namespace minga::records {

/// A record that a change in the log is about.
struct Touched {
  Place place;
  std::string collection;  // its id
  std::string record_id;
};

/// What begins a new epoch at the next opening, after a restore: positions of before are told to
/// resync.
std::vector<sql::Statement> new_epoch();

/// `_changes` behind the Changes interface. With one writer the numbers grow in the order of the
/// commits. With several a lower number may be committed later: the log is in the order of the
/// transactions' numbers then, and published below the oldest that still runs.
class ChangeLog : public Changes {
 public:
  explicit ChangeLog(sql::Database& database);
  void set_epoch(std::string epoch) { epoch_ = std::move(epoch); }

  std::string const& epoch() const override { return epoch_; }
  Async<Position> last(Deadline deadline) override { return last_at(Freshness::any, deadline); }
  Async<Position> latest(Deadline deadline) override {
    return last_at(Freshness::latest, deadline);
  }
  Async<std::vector<Change>> after(Place place, std::int64_t limit, Deadline deadline) override;
  Async<bool> is_near(Place from, Place until, std::int64_t bound, Deadline deadline) override;
  Async<Place> first_kept(Deadline deadline) override;
  Async<std::int64_t> prune(std::chrono::seconds keep, Deadline deadline) override;
  /// As after(), of what was changed alone. Where all writes are held, `is_held`: all that there
  /// are.
  Async<std::vector<Touched>> touched_after(Place place, std::int64_t limit, bool is_held,
                                            Deadline deadline);
  Bells& bells() override { return bells_; }

  /// To run in the write's own transaction. The texts are JSON; `before` is "" but for an update.
  sql::Statement append(std::string collection, std::string record_id, Action action,
                        std::string record, std::string before) const;
  /// What append() gave: a place such that all changes up to it are there after the commit, its own
  /// among them unless an older transaction was still running.
  Place place_of(sql::Rows const& appended) const;
  /// Such a place for what was committed before the transaction, which is to commit, too.
  Async<Place> place_in(sql::Transaction& transaction) const;

 private:
  struct Statements {
    std::string append, last, after, touched, touched_held, near, newest_old, prune;
  };
  enum class Freshness : int { any, latest };
  static Statements statements_of(sql::Dialect const& dialect);
  Async<void> prune_in(sql::Transaction& transaction, std::string until,
                       std::int64_t& removed) const;
  sql::Params place_values(Place place) const;
  Place published_before(std::int64_t own, std::int64_t timeline) const;
  Async<Position> last_at(Freshness freshness, Deadline deadline);
  Async<sql::Rows> read_to_stay(std::string sql, sql::Params values, Freshness freshness,
                                Deadline deadline);
  Async<bool> confirm(std::string server, Deadline deadline);
  bool is_confirmed(std::string const& server, Place place) const;
  void note_confirmed(std::string const& server, Place place);

  sql::Database& database_;
  bool has_transactions_;
  Statements const statements_;
  std::string epoch_;
  mutable std::mutex mutex_;
  Place published_;           // the last that is known to be
  std::string confirmed_on_;  // the server that showed it
  Bells bells_;
};

}  // namespace minga::records
