#include "sql/dialect.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace minga::sql {

std::string Dialect::quote(std::string_view identifier) const {
  if (identifier.empty() ||
      identifier.find_first_of(std::string_view("\"\0", 2)) != std::string_view::npos) {
    throw std::invalid_argument(fmt::format("'{}' cannot be an SQL identifier", identifier));
  }
  return fmt::format("\"{}\"", identifier);
}

}  // namespace minga::sql
