#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace minga::sql {

struct Null {
  friend bool operator==(Null, Null) { return true; }
};
using Blob = std::vector<std::byte>;

/// What goes into a placeholder and comes out of a column. Both engines have booleans of their own
/// idea: a bool is stored as the dialect's boolean type and comes back as Integer 0 or 1.
using Value = std::variant<Null, bool, std::int64_t, double, std::string, Blob>;
using Params = std::vector<Value>;

}  // namespace minga::sql
