#include "sql/sqlite/checkpoints.hpp"

#include "base/logging.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::sql::sqlite {
namespace {

/// A log that is so many times longer than due is begun anew: the writer waits for the readers that
/// need it, a moment each time.
constexpr int kRestartTimes = 12;
constexpr int kReaderWaitMillis = 100;
/// Pages from a checkpoint that did not let the log begin anew to the next attempt; doubled each
/// time.
constexpr int kFirstPatience = 64;

}  // namespace

Checkpoints::Checkpoints(Connection& connection, int pages)
    : connection_(connection), pages_(pages), next_at_(pages), patience_(kFirstPatience) {
  auto count_pages = [](void* log_pages, sqlite3*, char const*, int count) {
    *static_cast<int*>(log_pages) = count;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(connection_.handle(), count_pages, &log_pages_);
}

void Checkpoints::run_if_due() {
  if (!log_is_long()) {
    next_at_ = pages_;
    patience_ = kFirstPatience;
    return;
  }
  if (log_pages_ < next_at_) return;
  run(log_pages_ / kRestartTimes >= pages_ ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE);
  // While a reader needs an old state the log cannot begin anew, and each attempt costs two syncs.
  next_at_ = log_pages_ + patience_;
  patience_ = std::min(patience_ * 2, std::max(pages_, kFirstPatience));
}

void Checkpoints::empty_log() {
  run(SQLITE_CHECKPOINT_TRUNCATE);
}

void Checkpoints::run(int mode) {
  sqlite3_busy_timeout(connection_.handle(), kReaderWaitMillis);
  auto const code =
      sqlite3_wal_checkpoint_v2(connection_.handle(), nullptr, mode, nullptr, nullptr);
  sqlite3_busy_timeout(connection_.handle(), Connection::kBusyMillis);
  if (code == SQLITE_OK || (code & 0xFF) == SQLITE_BUSY) return;
  log::warning(fmt::format("The write-ahead log could not be copied into the database: {}",
                           connection_.last_error().what()));
}

}  // namespace minga::sql::sqlite
