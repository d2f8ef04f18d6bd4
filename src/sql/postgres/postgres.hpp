#pragma once

#include "async/io_threads.hpp"
#include "base/metrics.hpp"
#include "sql/database.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

namespace minga::sql::postgres {

struct Options {
  /// postgresql://user@host1:5432,host2:5432/name?sslmode=verify-full, with all that libpq knows.
  std::string url;
  /// Connections for reads on each I/O thread. Opened when needed, then kept.
  std::size_t readers = 2;
  /// Connections for writes and transactions on each I/O thread.
  std::size_t writers = 8;
  /// Operations that wait on one I/O thread; more are refused with Error queue_full.
  std::size_t queue = 10'000;
  /// Prepared statements kept on each connection.
  std::size_t statement_cache = 256;
  /// For one host to let us in, unless the URL says connect_timeout.
  std::chrono::milliseconds connect_timeout{3'000};
  /// How long an operation without a deadline waits for a server that can do it.
  std::chrono::milliseconds patience{30'000};
  /// Reads that standbys may answer go to those that have all that was committed that long ago.
  std::chrono::milliseconds replica_lag{10'000};
  /// How long such a read waits for a standby that has seen what the reader has.
  std::chrono::milliseconds replica_wait{100};
};

/// Throws sql::Error with a sentence for the user when the URL cannot be understood. Connections
/// are made when they are needed; close() must have returned before the database is destroyed.
std::unique_ptr<Database> open(IoThreads& threads, Options options, Metrics& metrics);

/// Fills an empty database from a file that backup() wrote, wholly or not at all. Blocks. Throws
/// sql::Error with a sentence for the user.
void restore(Options const& options, std::filesystem::path const& file);

}  // namespace minga::sql::postgres
