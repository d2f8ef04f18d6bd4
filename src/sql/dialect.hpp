#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace minga::sql {

/// What differs between the engines' SQL, and nothing else.
class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual std::string_view name() const = 0;  // "sqlite", "postgres"

  // Column types. Text compares by code point on both (COLLATE "C").
  virtual std::string_view text_type() const = 0;
  virtual std::string_view real_type() const = 0;
  virtual std::string_view integer_type() const = 0;  // 64 bits
  virtual std::string_view boolean_type() const = 0;
  virtual std::string_view json_type() const = 0;  // JSON text, functions of json work on it
  virtual std::string_view blob_type() const = 0;
  /// Column definition of a 64-bit primary key that only grows and is never used again.
  virtual std::string_view growing_key() const = 0;

  /// Appended to a SELECT that leases rows: "" or " FOR UPDATE SKIP LOCKED".
  virtual std::string_view skip_locked() const = 0;
  /// Appended to a SELECT inside a transaction that will change the row: "" or " FOR UPDATE".
  virtual std::string_view for_update() const = 0;
  virtual std::string_view random() const = 0;

  /// An identifier in quotes; throws std::invalid_argument for one with a quote or a NUL in it.
  std::string quote(std::string_view identifier) const;
};

}  // namespace minga::sql
