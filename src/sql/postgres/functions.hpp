#pragma once

#include <string>
#include <vector>

namespace minga::sql::postgres {

/// CREATE OR REPLACE of the functions that the dialect's expressions call.
std::vector<std::string> functions();

/// The same of the functions that compiled filters call: docs in records/filter/functions.hpp,
/// where the embedded engine's are.
std::vector<std::string> filter_functions();

}  // namespace minga::sql::postgres
