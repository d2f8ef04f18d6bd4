/// A filter is parsed, or refused with a place inside it.
#include <minga/error.hpp>

#include "records/filter/ast.hpp"
#include "records/filter/filter.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace minga::records::filter;

/// Every operand was read from the text, every node has what its kind says.
void check(Operand const& operand, std::string_view text) {
  REQUIRE(operand.position < text.size());
  if (operand.kind != Operand::Kind::call) return;
  REQUIRE(operand.call != nullptr);
  for (auto const& argument : operand.call->arguments) check(argument, text);
}

std::size_t check(Expression const& expression, std::string_view text) {
  if (expression.kind == Expression::Kind::comparison) {
    check(expression.comparison.left, text);
    check(expression.comparison.right, text);
    return 1;
  }
  REQUIRE(expression.parts.size() >= 2);
  std::size_t comparisons = 0;
  for (auto const& part : expression.parts) comparisons += check(*part, text);
  return comparisons;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  try {
    REQUIRE(check(*parse(text), text) <= 200);
  } catch (minga::Error const& error) {
    REQUIRE(error.status() == 400);
    auto const& what = error.data().at("filter").as_object();
    REQUIRE(what.at("code").as_string() == "validation_invalid_filter");
    auto const position = what.at("params").as_object().at("position").to_number<std::size_t>();
    REQUIRE(position <= text.size());
  }
  return 0;
}
