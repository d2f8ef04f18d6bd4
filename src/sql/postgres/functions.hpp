#pragma once

#include <string>
#include <vector>

namespace minga::sql::postgres {

/// CREATE OR REPLACE of the functions that the dialect's expressions call.
std::vector<std::string> functions();

}  // namespace minga::sql::postgres
