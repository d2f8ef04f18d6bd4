#pragma once

#include "sql/value.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>

namespace minga::records::filter {

/// The values of a condition, in the order in which they are bound.
class Placeholders {
 public:
  /// The first is $first.
  explicit Placeholders(std::size_t first) : first_(first) {}

  /// The placeholder of a value: "$3".
  std::string bind(sql::Value value) {
    values_.push_back(std::move(value));
    return fmt::format("${}", first_ + values_.size() - 1);
  }
  sql::Params take() { return std::move(values_); }

 private:
  std::size_t first_;
  sql::Params values_;
};

}  // namespace minga::records::filter
