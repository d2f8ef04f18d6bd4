#pragma once

#include <minga/json.hpp>

#include "base/time_text.hpp"
#include "cluster/process.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::cluster {

/// One backup in a repository.
struct Backup {
  std::string label;
  bool is_full = false;
  SystemTime begun;
  SystemTime ended;               // from here on a moment can be restored by it
  std::int64_t bytes = 0;         // of the database
  std::int64_t stored_bytes = 0;  // that it added to the repository
  std::string first_segment;      // of the log; its name in PostgreSQL

  bool operator==(Backup const&) const = default;
};

/// What one set has in a repository.
struct Stanza {
  std::string name;
  std::string problem;          // pgBackRest's; empty: none
  std::vector<Backup> backups;  // the oldest first

  bool operator==(Stanza const&) const = default;
};

/// `pgbackrest info --output=json`. Throws Error 503 for what is no such list.
std::vector<Stanza> read_stanzas(std::string_view text);

Json to_json(Backup const& backup);
/// Throws std::invalid_argument for what to_json() did not write.
Backup backup_from(Json const& value);

/// What pgBackRest said when it failed, in one line.
std::string words_of(std::string_view output);

/// The number of a file of the log (16 MB each), the same on every timeline; nothing for other
/// files, histories among them.
std::optional<std::int64_t> segment_number(std::string_view name);

/// Runs pgBackRest with one configuration file. Throws Error 503 with its words.
class PgBackRest {
 public:
  /// `processes` must outlive this. `environment` says how libpq reaches the database.
  PgBackRest(Processes& processes, std::string program, std::filesystem::path configuration,
             std::vector<std::string> environment);

  /// All sets in the repository.
  Async<std::vector<Stanza>> stanzas(Deadline deadline) const;
  /// The names of the log's files that the repository has of the set.
  Async<std::vector<std::string>> segments(std::string stanza, Deadline deadline) const;
  /// Once for each set; again it changes nothing.
  Async<void> create_stanza(std::string stanza) const;
  /// Full, or what has changed since the last backup, which may be full, too, when there is none.
  /// Then removes what is older than the set keeps.
  Async<void> back_up(std::string stanza, bool is_full) const;
  /// One file of the log, by its path; again it changes nothing.
  Async<void> push(std::string stanza, std::filesystem::path segment) const;
  /// The backup as it was copied, into an empty folder: PostgreSQL then needs the log.
  Async<void> restore(std::string stanza, std::string label) const;

  /// The command by which PostgreSQL gets a file of the log, with %f and %p.
  std::string restore_command(std::string const& stanza) const;

 private:
  Async<std::string> run(std::string command, std::vector<std::string> arguments,
                         Deadline deadline) const;

  Processes& processes_;
  std::string program_;
  std::filesystem::path configuration_;
  std::vector<std::string> environment_;
};

}  // namespace minga::cluster
