#include "records/filter/lexer.hpp"

#include "base/text.hpp"
#include "records/filter/errors.hpp"

#include <fmt/format.h>

#include <charconv>

namespace minga::records::filter {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_operator(char c) {
  return std::string_view("=!<>~?").find(c) != std::string_view::npos;
}

void append_code_point(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

void Lexer::skip_space() {
  while (at_ < text_.size()) {
    if (std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    } else if (text_.substr(at_).starts_with("//")) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else {
      return;
    }
  }
}

Token Lexer::next() {
  skip_space();
  Token token;
  token.position = at_;
  if (at_ >= text_.size()) return token;
  auto const c = text_[at_];
  if (c == '\'') return single_quoted();
  if (c == '"') return double_quoted();
  if (is_digit(c) || (c == '-' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])))
    return number();
  if (is_letter(c) || c == '_' || c == '@') return identifier();
  if (is_operator(c)) return op();
  if (text_.substr(at_).starts_with("&&") || text_.substr(at_).starts_with("||")) {
    token.kind = c == '&' ? Token::Kind::both : Token::Kind::either;
    at_ += 2;
    return token;
  }
  ++at_;
  if (c == '(') token.kind = Token::Kind::open;
  if (c == ')') token.kind = Token::Kind::close;
  if (c == ',') token.kind = Token::Kind::comma;
  if (token.kind == Token::Kind::end)
    throw invalid_filter("An unexpected character.", token.position);
  return token;
}

/// Only \' is an escape.
Token Lexer::single_quoted() {
  Token token{Token::Kind::text, at_, {}};
  for (++at_; at_ < text_.size() && text_[at_] != '\''; ++at_) {
    if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == '\'') ++at_;
    token.text += text_[at_];
  }
  if (at_ >= text_.size()) throw invalid_filter("The text has no closing quote.", token.position);
  ++at_;
  return token;
}

/// JSON's escapes; any other backslash stays.
Token Lexer::double_quoted() {
  Token token{Token::Kind::text, at_, {}};
  for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (text_[at_] != '\\' || at_ + 1 >= text_.size()) {
      token.text += text_[at_];
      continue;
    }
    static constexpr std::string_view kEscapes = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    auto const escaped = text_[at_ + 1];
    auto const known = kEscapes.find(escaped);
    if (known != std::string_view::npos) {
      token.text += kMeanings[known];
      ++at_;
    } else if (escaped == 'u') {
      token.text += unicode_escape();
    } else {
      token.text += '\\';
    }
  }
  if (at_ >= text_.size()) throw invalid_filter("The text has no closing quote.", token.position);
  ++at_;
  if (token.text.find('\0') != std::string::npos)
    throw invalid_filter("The text holds U+0000.", token.position);
  if (!is_valid_utf8(token.text))
    throw invalid_filter("The text is no valid Unicode.", token.position);
  return token;
}

/// At the backslash of \uXXXX; leaves at_ at its last digit. Surrogate pairs are one character.
std::string Lexer::unicode_escape() {
  auto const begin = at_;
  at_ += 2;
  auto code = hex4();
  if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
    at_ += 2;
    auto const low = hex4();
    if (low < 0xDC00 || low > 0xDFFF)
      throw invalid_filter("The surrogate pair is incomplete.", begin);
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  --at_;
  std::string out;
  append_code_point(out, code);
  return out;
}

unsigned Lexer::hex4() {
  auto const digits = text_.substr(at_, 4);
  unsigned code = 0;
  auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (digits.size() != 4 || error != std::errc{} || end != digits.data() + 4) {
    throw invalid_filter("Four hexadecimal digits are expected after \\u.", at_);
  }
  at_ += 4;
  return code;
}

Token Lexer::number() {
  Token token{Token::Kind::number, at_, {}};
  if (text_[at_] == '-') ++at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  if (at_ + 1 < text_.size() && text_[at_] == '.' && is_digit(text_[at_ + 1])) {
    ++at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  }
  if (at_ < text_.size() && (is_letter(text_[at_]) || text_[at_] == '_' || text_[at_] == '.')) {
    throw invalid_filter("The number is malformed.", token.position);
  }
  token.text = text_.substr(token.position, at_ - token.position);
  return token;
}

Token Lexer::identifier() {
  Token token{Token::Kind::identifier, at_, {}};
  ++at_;
  while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]) ||
                                std::string_view("_.:").find(text_[at_]) != std::string_view::npos))
    ++at_;
  token.text = text_.substr(token.position, at_ - token.position);
  if (token.text.back() == '.' || token.text.back() == ':' || token.text == "@") {
    throw invalid_filter("The name is incomplete.", token.position);
  }
  return token;
}

Token Lexer::op() {
  Token token{Token::Kind::op, at_, {}};
  while (at_ < text_.size() && is_operator(text_[at_])) ++at_;
  token.text = text_.substr(token.position, at_ - token.position);
  return token;
}

}  // namespace minga::records::filter
