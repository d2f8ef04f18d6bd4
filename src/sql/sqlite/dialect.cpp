#include "sql/sqlite/dialect.hpp"

#include <fmt/format.h>

namespace minga::sql::sqlite {
namespace {

class SqliteDialect : public Dialect {
 public:
  std::string_view name() const override { return "sqlite"; }
  std::string_view text_type() const override { return "TEXT"; }
  std::string_view real_type() const override { return "REAL"; }
  std::string_view integer_type() const override { return "INTEGER"; }
  std::string_view boolean_type() const override { return "BOOLEAN"; }
  std::string_view json_type() const override { return "TEXT"; }
  std::string_view blob_type() const override { return "BLOB"; }
  std::string_view growing_key() const override { return "INTEGER PRIMARY KEY AUTOINCREMENT"; }
  std::string_view skip_locked() const override { return ""; }
  std::string_view for_update() const override { return ""; }
  std::string_view random() const override { return "RANDOM()"; }
};

}  // namespace

Dialect const& dialect() {
  static SqliteDialect const instance;
  return instance;
}

}  // namespace minga::sql::sqlite
