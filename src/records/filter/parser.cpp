#include "base/text.hpp"
#include "records/filter/ast.hpp"
#include "records/filter/errors.hpp"
#include "records/filter/filter.hpp"
#include "records/filter/lexer.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace minga::records::filter {
namespace {

constexpr std::size_t kFunctionDepth = 3;

constexpr std::array<std::pair<std::string_view, Operator>, 8> kOperators{
    {{"=", Operator::equal},
     {"!=", Operator::not_equal},
     {">", Operator::greater},
     {">=", Operator::greater_equal},
     {"<", Operator::less},
     {"<=", Operator::less_equal},
     {"~", Operator::contains},
     {"!~", Operator::not_contains}}};

class Parser {
 public:
  Parser(std::string_view text, Limits const& limits) : lexer_(text), limits_(limits) { advance(); }

  std::shared_ptr<Expression const> parse() {
    auto expression = disjunction();
    if (token_.kind != Token::Kind::end) fail("The end, && or || is expected.");
    return expression;
  }

 private:
  using Node = std::shared_ptr<Expression const>;

  [[noreturn]] void fail(std::string_view what) const {
    throw invalid_filter(what, token_.position);
  }
  void advance() { token_ = lexer_.next(); }

  Node chain(Token::Kind separator, Expression::Kind kind, Node (Parser::*part)()) {
    auto first = (this->*part)();
    if (token_.kind != separator) return first;
    auto node = std::make_shared<Expression>();
    node->kind = kind;
    node->parts.push_back(std::move(first));
    while (token_.kind == separator) {
      advance();
      node->parts.push_back((this->*part)());
    }
    return node;
  }

  Node disjunction() {
    return chain(Token::Kind::either, Expression::Kind::disjunction, &Parser::conjunction);
  }
  Node conjunction() {
    return chain(Token::Kind::both, Expression::Kind::conjunction, &Parser::unit);
  }

  Node unit() {
    if (token_.kind != Token::Kind::open) return comparison();
    if (++groups_ > limits_.groups)
      fail(fmt::format("Groups are nested deeper than {}.", limits_.groups));
    advance();
    auto inside = disjunction();
    if (token_.kind != Token::Kind::close) fail("A closing parenthesis is expected.");
    advance();
    --groups_;
    return inside;
  }

  Node comparison() {
    if (++comparisons_ > limits_.comparisons)
      fail(fmt::format("There are more than {} comparisons.", limits_.comparisons));
    auto node = std::make_shared<Expression>();
    node->comparison.left = operand(0);
    read_operator(node->comparison);
    node->comparison.right = operand(0);
    return node;
  }

  void read_operator(Comparison& comparison) {
    if (token_.kind != Token::Kind::op)
      fail("An operator is expected: = != > >= < <= ~ !~, or one of them after ?.");
    std::string_view name = token_.text;
    comparison.any = name.starts_with('?');
    if (comparison.any) name.remove_prefix(1);
    auto const found = std::find_if(kOperators.begin(), kOperators.end(),
                                    [&](auto const& each) { return each.first == name; });
    if (found == kOperators.end()) fail(fmt::format("There is no operator {}.", token_.text));
    comparison.op = found->second;
    advance();
  }

  Operand operand(std::size_t depth) {
    Operand operand;
    operand.position = token_.position;
    if (token_.kind == Token::Kind::text) {
      operand.kind = Operand::Kind::text;
      operand.text = token_.text;
    } else if (token_.kind == Token::Kind::number) {
      read_number(operand);
    } else if (token_.kind == Token::Kind::identifier) {
      auto name = token_.text;
      advance();
      if (token_.kind == Token::Kind::open) {
        read_call(operand, std::move(name), depth + 1);
      } else {
        read_name(operand, std::move(name));
        return operand;
      }
    } else {
      fail("A text, a number, a name or a function is expected.");
    }
    advance();
    return operand;
  }

  void read_number(Operand& operand) const {
    operand.kind = Operand::Kind::number;
    operand.text = token_.text;
    auto const* end = token_.text.data() + token_.text.size();
    auto const read = std::from_chars(token_.text.data(), end, operand.number);
    // Too small for a double is 0, too large is nothing that could be compared with.
    if (read.ec != std::errc{} && std::isinf(std::strtod(token_.text.c_str(), nullptr)))
      fail("The number is too large.");
    auto const [rest, error] = std::from_chars(token_.text.data(), end, operand.integer);
    operand.is_integer = error == std::errc{} && rest == end;
  }

  /// Leaves the closing parenthesis as the current token.
  void read_call(Operand& operand, std::string name, std::size_t depth) {
    if (depth > kFunctionDepth)
      fail(fmt::format("Functions are nested deeper than {}.", kFunctionDepth));
    operand.kind = Operand::Kind::call;
    operand.call = std::make_shared<Call>();
    operand.call->name = std::move(name);
    advance();
    while (token_.kind != Token::Kind::close) {
      operand.call->arguments.push_back(this->operand(depth));
      if (token_.kind == Token::Kind::comma) {
        advance();
        if (token_.kind == Token::Kind::close) fail("An argument is expected.");
      } else if (token_.kind != Token::Kind::close) {
        fail("A comma or a closing parenthesis is expected.");
      }
    }
  }

  static void read_name(Operand& operand, std::string name) {
    operand.kind = Operand::Kind::identifier;
    auto const colon = name.rfind(':');
    auto const dot = name.rfind('.');
    if (colon != std::string::npos && (dot == std::string::npos || dot < colon)) {
      operand.modifier = name.substr(colon + 1);
      name.resize(colon);
    }
    operand.text = std::move(name);
  }

  Lexer lexer_;
  Limits const& limits_;
  Token token_;
  std::size_t comparisons_ = 0;
  std::size_t groups_ = 0;
};

}  // namespace

std::shared_ptr<Expression const> parse(std::string_view text, Limits const& limits) {
  if (text.size() > limits.bytes)
    throw invalid_filter(fmt::format("The filter is longer than {} bytes.", limits.bytes),
                         limits.bytes);
  if (!is_valid_utf8(text)) throw invalid_filter("The filter is not valid UTF-8.", 0);
  if (text.find('\0') != std::string_view::npos)
    throw invalid_filter("The filter holds U+0000.", text.find('\0'));
  return Parser(text, limits).parse();
}

}  // namespace minga::records::filter
