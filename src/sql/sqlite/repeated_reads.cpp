#include "sql/sqlite/repeated_reads.hpp"

#include <boost/container_hash/hash.hpp>

#include <type_traits>
#include <variant>

namespace minga::sql::sqlite {
namespace {

std::size_t hash_of(Value const& value) {
  auto const hash = [](auto const& held) -> std::size_t {
    if constexpr (std::is_same_v<std::decay_t<decltype(held)>, Null>) {
      return 0;
    } else {
      return boost::hash_value(held);
    }
  };
  return std::visit(hash, value);
}

std::size_t hash_of(Statement const& statement) {
  auto hash = std::hash<std::string>()(statement.sql);
  for (auto const& value : statement.values) boost::hash_combine(hash, hash_of(value));
  return hash;
}

std::size_t bytes_of(Value const& value) {
  auto bytes = sizeof(Value);
  if (auto const* text = std::get_if<std::string>(&value)) bytes += text->size();
  if (auto const* blob = std::get_if<Blob>(&value)) bytes += blob->size();
  return bytes;
}

std::size_t bytes_of(Statement const& statement, Rows const& rows) {
  auto bytes = statement.sql.size();
  for (auto const& value : statement.values) bytes += bytes_of(value);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (auto const& value : rows.row(i)) bytes += bytes_of(value);
  }
  return bytes;
}

}  // namespace

std::optional<Rows> RepeatedReads::find(Statement const& statement) const {
  if (reads_.empty() || statement.is_volatile || has_passed(statement.deadline))
    return std::nullopt;
  auto [each, end] = reads_.equal_range(hash_of(statement));
  for (; each != end; ++each) {
    auto const& read = each->second;
    if (read.values == statement.values && read.sql == statement.sql) return read.rows;
  }
  return std::nullopt;
}

void RepeatedReads::keep(Statement const& statement, Rows const& rows) {
  if (statement.is_volatile) return;
  auto const bytes = bytes_of(statement, rows);
  if (bytes > kMostBytes) return;
  if (bytes_ + bytes > kMostBytes) clear();
  bytes_ += bytes;
  reads_.emplace(hash_of(statement), Read{statement.sql, statement.values, rows});
}

void RepeatedReads::clear() {
  reads_.clear();
  bytes_ = 0;
}

}  // namespace minga::sql::sqlite
