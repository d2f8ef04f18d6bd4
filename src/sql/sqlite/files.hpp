#pragma once

#include "sql/sqlite/sqlite.hpp"

#include <filesystem>

namespace minga::sql::sqlite {

/// Marks a new file as minga's and brings it into WAL mode; checks that an existing one is minga's
/// and, where the last process did not close it, that it is whole. Under the file's lock. Throws
/// sql::Error with a sentence for the user.
void prepare_file(Options const& options);

}  // namespace minga::sql::sqlite
