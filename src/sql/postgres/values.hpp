#pragma once

#include "sql/rows.hpp"
#include "sql/value.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <libpq-fe.h>
#include <memory>
#include <string>
#include <vector>

namespace minga::sql::postgres {

/// The server's types: PostgreSQL's src/include/catalog/pg_type.dat.
namespace type {
inline constexpr Oid kUnspecified = 0;  // the server infers it
inline constexpr Oid kBool = 16;
inline constexpr Oid kBytea = 17;
inline constexpr Oid kChar = 18;
inline constexpr Oid kName = 19;
inline constexpr Oid kInt8 = 20;
inline constexpr Oid kInt2 = 21;
inline constexpr Oid kInt4 = 23;
inline constexpr Oid kText = 25;
inline constexpr Oid kOid = 26;
inline constexpr Oid kJson = 114;
inline constexpr Oid kFloat4 = 700;
inline constexpr Oid kFloat8 = 701;
inline constexpr Oid kUnknown = 705;
inline constexpr Oid kBpchar = 1042;
inline constexpr Oid kVarchar = 1043;
inline constexpr Oid kNumeric = 1700;
}  // namespace type

/// The type that a value's placeholder is declared with; for a null the server infers it from where
/// the placeholder stands.
Oid declared_type(Value const& value);

/// Whether a placeholder of that type serves the value as one of the value's own would.
bool serves(Oid declared, Oid inferred, Value const& value);

/// Throws sql::Error for a text that no engine takes, and for more values than the protocol counts.
void check_values(Params const& values);

/// A statement's values as libpq takes them; used by one statement at a time and reused.
class Arguments {
 public:
  /// The values are referred to, not copied.
  void assign(Params const& values);

  int size() const { return static_cast<int>(pointers_.size()); }
  char const* const* pointers() const { return pointers_.data(); }
  int const* lengths() const { return lengths_.data(); }
  int const* formats() const { return formats_.data(); }

 private:
  void add(char const* pointer, std::size_t length, int format);

  std::vector<std::array<char, 8>> numbers_;
  std::vector<char const*> pointers_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

using Columns = std::shared_ptr<std::vector<std::string> const>;

Columns columns_of(PGresult const* result);
/// All columns are of types that decode() reads in binary.
bool binary_pays(PGresult const* description);
/// The rows of a result, in either format; `columns` when they are known already.
Rows rows_of(PGresult* result, Columns columns);

}  // namespace minga::sql::postgres
