#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace minga::records::filter {

enum class Operator {
  equal,
  not_equal,
  greater,
  greater_equal,
  less,
  less_equal,
  contains,
  not_contains
};

struct Operand;

struct Call {
  std::string name;
  std::vector<Operand> arguments;
};

/// An operand as written. `position` is its first byte in the text.
struct Operand {
  enum class Kind { text, number, truth, null, identifier, call };
  Kind kind = Kind::null;
  std::size_t position = 0;
  std::string text;  // text: decoded; identifier: the name without modifier; number: as written
  double number = 0;
  bool is_integer = false;  // number: 64 bits hold it exactly
  std::int64_t integer = 0;
  bool truth = false;
  std::string modifier;  // identifier: "each", "length", "lower", "isset", "changed"
  std::shared_ptr<Call> call;
};

struct Comparison {
  Operand left;
  Operator op = Operator::equal;
  bool any = false;  // "?=": some of several values
  Operand right;
};

/// A comparison, or && or || over several expressions.
struct Expression {
  enum class Kind { comparison, conjunction, disjunction };
  Kind kind = Kind::comparison;
  Comparison comparison;
  std::vector<std::shared_ptr<Expression const>> parts;
};

}  // namespace minga::records::filter
