#pragma once

namespace minga::sql::postgres {

/// The timeline that a primary writes, in SQL: the first eight digits of a log file's name.
inline constexpr char const* kTimeline =
    "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int";

}  // namespace minga::sql::postgres
