#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace minga::records::filter {

struct Token {
  enum class Kind { end, text, number, identifier, op, both, either, open, close, comma };
  Kind kind = Kind::end;
  std::size_t position = 0;
  std::string text;  // text: decoded; others: as written
};

/// Cuts a filter into tokens (API.md section 4). Throws Error 400 with the position.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();

 private:
  void skip_space();
  Token single_quoted();
  Token double_quoted();
  Token number();
  Token identifier();
  Token op();
  std::string unicode_escape();
  unsigned hex4();

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace minga::records::filter
