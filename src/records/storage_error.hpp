#pragma once

#include <minga/error.hpp>

#include "sql/error.hpp"

#include <string_view>

namespace minga::records {

/// What a client is told of a storage error: 503 with Retry-After where trying again may help
/// (busy, full queue, deadline, no space, no connection); 503 `in_doubt` without it where nobody
/// knows whether the write was committed, so that no client repeats it by itself; 400 for a text
/// that no engine takes. Anything else is a fault and is thrown as it is.
[[noreturn]] void throw_storage_error(sql::Error const& error);

/// The same, but a unique violation is 400 with that message and `validation_not_unique` on each
/// column of the index.
[[noreturn]] void throw_write_error(sql::Error const& error, std::string_view message);

}  // namespace minga::records
