#pragma once

#include "sql/dialect.hpp"

namespace minga::sql::sqlite {

Dialect const& dialect();

}  // namespace minga::sql::sqlite
