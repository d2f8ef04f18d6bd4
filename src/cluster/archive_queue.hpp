#pragma once

#include "base/time_text.hpp"
#include "cluster/backup_settings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace minga::cluster {

/// How far a member's PostgreSQL is with handing its log to the repository.
struct ArchiveQueue {
  std::int64_t waiting = 0;  // files that are not stored yet
  std::optional<SystemTime> waiting_since;
  std::optional<SystemTime> archived_at;
  std::string failure;  // what pgBackRest said last; empty: it stored the last file
};

/// By PostgreSQL's own notes beside its log; no file of the repository is looked at, which may
/// hang.
ArchiveQueue read_archive_queue(Folder const& folder);

/// Complete files of the log that PostgreSQL has and does not mean to hand over, the oldest first:
/// those that it has handed over, and, on a standby that became primary, those that its predecessor
/// was to.
std::vector<std::string> finished_segments(Folder const& folder);

}  // namespace minga::cluster
