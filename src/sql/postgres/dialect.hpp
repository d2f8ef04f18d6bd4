#pragma once

#include "sql/dialect.hpp"

namespace minga::sql::postgres {

Dialect const& dialect();

}  // namespace minga::sql::postgres
