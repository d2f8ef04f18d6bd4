#include "records/storage_error.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"
#include "records/values.hpp"

#include <fmt/format.h>

namespace minga::records {

void throw_storage_error(sql::Error const& error) {
  if (error.is_committed) {
    log::error(fmt::format("{}: a write was committed, its answer is lost", error.what()));
    throw Error(503, "in_doubt",
                "The change was stored, but the answer to it was lost with the database's "
                "connection. Look at what is there before you repeat it.");
  }
  if (error.commit_in_doubt) {
    log::error(fmt::format("{}: nobody knows whether a write was committed", error.what()));
    throw Error(503, "in_doubt",
                "It is not known whether the change was stored: the database was lost while it was "
                "confirming it. Look before you repeat it, or repeat it with its Idempotency-Key.");
  }
  switch (error.code()) {
    case sql::ErrorCode::deadline:
      throw deadline_error();
    case sql::ErrorCode::queue_full:
    case sql::ErrorCode::busy:
    case sql::ErrorCode::serialization_failure:
    case sql::ErrorCode::cancelled:
      throw Error::unavailable("The database is busy. Please try again.");
    case sql::ErrorCode::connection_lost:
      throw Error::unavailable("The database cannot be reached. Please try again.");
    case sql::ErrorCode::refused:
      log::error(fmt::format("The database refuses this server: {}", error.what()));
      throw Error::unavailable("The database cannot be reached at the moment.",
                               std::chrono::seconds{30});
    case sql::ErrorCode::moved:
      throw Error::unavailable(
          "This site has moved to another database: nothing is stored here any more.",
          std::chrono::seconds{30});
    case sql::ErrorCode::invalid_text:
      throw Error::bad_request("A text holds U+0000, which can neither be stored nor looked for.");
    case sql::ErrorCode::full:
      log::error(fmt::format("{}: no space left for the database", error.what()));
      throw Error::unavailable("There is no space left to store anything.",
                               std::chrono::seconds{30});
    case sql::ErrorCode::read_only:
      log::error(fmt::format("{}: the database cannot be written", error.what()));
      throw Error::unavailable("The database cannot be written at the moment.",
                               std::chrono::seconds{30});
    default:
      throw error;
  }
}

void throw_write_error(sql::Error const& error, std::string_view message) {
  if (error.code() != sql::ErrorCode::unique_violation) throw_storage_error(error);
  FieldErrors errors;
  for (auto const& column : error.columns) errors.add_not_unique(column);
  throw errors.error(message);
}

}  // namespace minga::records
