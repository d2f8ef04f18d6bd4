#include "records/text_generator.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <re2/re2.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sodium.h>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace minga::records {
namespace {

using Piece = TextGenerator::Piece;
using Sequence = TextGenerator::Sequence;

constexpr std::size_t kLongestPattern = 500;
constexpr std::size_t kMostCharacters = 5'000;
constexpr std::size_t kDeepest = 20;
constexpr std::uint32_t kOpenEnd = 6;
/// Characters beyond ASCII that the classes of a pattern may span together.
constexpr std::size_t kWidest = 65'536;
constexpr std::string_view kUuid = "<uuidv7>";
constexpr std::size_t kUuidLength = 36;

void append(std::string& text, char32_t code) {
  char buffer[4];
  std::int32_t size = 0;
  U8_APPEND_UNSAFE(buffer, size, static_cast<UChar32>(code));
  text.append(buffer, static_cast<std::size_t>(size));
}

bool is_surrogate(char32_t code) {
  return code >= 0xD800 && code <= 0xDFFF;
}

bool is_control(char32_t code) {
  return code < 0x20 || code == 0x7F;
}

std::uint32_t draw(std::size_t count) {
  return randombytes_uniform(static_cast<std::uint32_t>(count));
}

/// Reads a pattern that RE2 has found well-formed.
class Reader {
 public:
  explicit Reader(std::string_view pattern) : rest_(pattern) {}

  Piece read_group(std::size_t depth) {
    if (depth > kDeepest)
      throw std::invalid_argument(
          fmt::format("Groups are nested more than {} deep in the pattern.", kDeepest));
    Piece group;
    do {
      group.branches.push_back(read_sequence(depth));
    } while (take("|"));
    return group;
  }

 private:
  Sequence read_sequence(std::size_t depth) {
    Sequence sequence;
    while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
      auto piece = read_piece(depth);
      read_repetition(piece);
      // Empty groups within repetitions would take their time for nothing.
      if (!is_always_empty(piece)) sequence.push_back(std::move(piece));
    }
    return sequence;
  }

  static bool is_always_empty(Piece const& piece) {
    auto const is_empty = [](Sequence const& branch) {
      return branch.empty();
    };
    return piece.most == 0 || (piece.characters.empty() &&
                               std::all_of(piece.branches.begin(), piece.branches.end(), is_empty));
  }

  Piece read_piece(std::size_t depth) {
    if (take("(")) {
      skip_group_name();
      auto group = read_group(depth + 1);
      take(")");
      return group;
    }
    Piece piece;
    switch (rest_.front()) {
      case '.':
        take(".");
        piece.characters = characters_of("[A-Za-z0-9]");
        break;
      case '[':
        piece.characters = characters_of(take_bytes(class_size()));
        break;
      case '\\':
        piece.characters = characters_of(take_bytes(escape_size()));
        break;
      case '^':
      case '$':
        throw std::invalid_argument(fmt::format(
            "{} has no place in the pattern: all of a text is made of it.", rest_.front()));
      default:
        piece.characters = take_character();
    }
    return piece;
  }

  void skip_group_name() {
    if (take("?:")) return;
    if (take("?P<") || take("?<")) {
      rest_.remove_prefix(rest_.find('>') + 1);
    } else if (rest_.starts_with('?')) {
      throw std::invalid_argument("The pattern has flags, (?...); write what they mean instead.");
    }
  }

  void read_repetition(Piece& piece) {
    if (take("*")) {
      std::tie(piece.least, piece.most) = std::pair(0U, kOpenEnd);
    } else if (take("+")) {
      std::tie(piece.least, piece.most) = std::pair(1U, kOpenEnd);
    } else if (take("?")) {
      std::tie(piece.least, piece.most) = std::pair(0U, 1U);
    } else if (auto const times = take_times()) {
      std::tie(piece.least, piece.most) = *times;
    } else {
      return;
    }
    take("?");  // fewer rather than more: the same for a text that is drawn
  }

  /// {n}, {n,} or {n,m}; braces around anything else are characters.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> take_times() {
    auto const end = rest_.find('}');
    if (!rest_.starts_with('{') || end == std::string_view::npos) return std::nullopt;
    auto const inside = rest_.substr(1, end - 1);
    auto const comma = inside.find(',');
    auto const least = whole(inside.substr(0, comma));
    if (!least) return std::nullopt;
    auto most = least;
    if (comma == inside.size() - 1) {
      most = std::max(*least, kOpenEnd);
    } else if (comma != std::string_view::npos) {
      most = whole(inside.substr(comma + 1));
      if (!most) return std::nullopt;
    }
    rest_.remove_prefix(end + 1);
    return std::pair(*least, *most);
  }

  static std::optional<std::uint32_t> whole(std::string_view digits) {
    if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
    std::uint32_t number = 0;
    auto const* last = digits.data() + digits.size();
    auto const [end, error] = std::from_chars(digits.data(), last, number);
    if (error != std::errc{} || end != last) return std::nullopt;
    return number;
  }

  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::string take_bytes(std::size_t size) {
    auto token = std::string(rest_.substr(0, size));
    rest_.remove_prefix(token.size());
    return token;
  }

  std::u32string take_character() {
    std::size_t size = 0;
    auto const code = code_point(rest_, size);
    if (is_control(code))
      throw std::invalid_argument("A text cannot be made of control characters.");
    rest_.remove_prefix(size);
    return std::u32string(1, code);
  }

  static char32_t code_point(std::string_view text, std::size_t& size) {
    UChar32 code = 0;
    U8_NEXT_UNSAFE(text.data(), size, code);
    return static_cast<char32_t>(code);
  }

  /// From `[` to the `]` that ends the class: not the first character, not escaped, not that of
  /// `[:alpha:]`.
  std::size_t class_size() const {
    std::size_t at = rest_.starts_with("[^") ? 2 : 1;
    if (rest_.substr(at).starts_with(']')) ++at;
    while (at < rest_.size() && rest_[at] != ']') {
      if (rest_[at] == '\\') {
        at += 2;
      } else if (rest_.substr(at).starts_with("[:") &&
                 rest_.find(":]", at) != std::string_view::npos) {
        at = rest_.find(":]", at) + 2;
      } else {
        ++at;
      }
    }
    return at + 1;
  }

  std::size_t escape_size() const {
    auto const kind = rest_.size() > 1 ? rest_[1] : ' ';
    if (std::string_view("QEC01234567").find(kind) != std::string_view::npos)
      throw std::invalid_argument(
          fmt::format("The pattern has \\{}, which no text is made of here; "
                      "write the characters themselves.",
                      kind));
    if (std::string_view("pPx").find(kind) == std::string_view::npos) return 2;
    if (rest_.size() > 2 && rest_[2] == '{') return rest_.find('}') + 1;
    return kind == 'x' ? 4 : 3;
  }

  /// What a class or an escape stands for: printable ASCII, and what it names beyond.
  std::u32string characters_of(std::string const& token) {
    RE2 const one(token, RE2::Quiet);
    std::u32string characters;
    auto const add_range = [&](char32_t first, char32_t last) {
      for (auto code = first; code <= last; ++code) {
        std::string text;
        if (!is_surrogate(code)) append(text, code);
        if (!text.empty() && RE2::FullMatch(text, one)) characters += code;
      }
    };
    add_range(0x20, 0x7E);
    auto const [first, last] = named_range(token);
    if (first <= last) {
      width_ += last - first + 1;
      if (width_ > kWidest)
        throw std::invalid_argument(
            fmt::format("The classes of the pattern span more than {} characters.", kWidest));
      add_range(first, last);
    }
    if (characters.empty())
      throw std::invalid_argument(
          fmt::format("{} stands for no printable character of ASCII.", token));
    return characters;
  }

  /// The first and the last character beyond ASCII that a class names; the first behind the last
  /// where it names none, or what it is not.
  static std::pair<char32_t, char32_t> named_range(std::string_view token) {
    char32_t first = 0x10FFFF;
    char32_t last = 0;
    if (token.starts_with("[^")) return {first, last};
    while (!token.empty()) {
      std::size_t size = 0;
      auto const code = code_point(token, size);
      token.remove_prefix(size);
      if (code < 0x80) continue;
      first = std::min(first, code);
      last = std::max(last, code);
    }
    return {first, last};
  }

  std::string_view rest_;
  std::size_t width_ = 0;
};

struct Bounds {
  std::size_t shortest = 0;
  std::size_t longest = 0;
};

Bounds bounds_of(Sequence const& sequence);

Bounds bounds_of(Piece const& piece) {
  Bounds once{1, 1};
  if (!piece.branches.empty()) {
    once = {kMostCharacters + 1, 0};
    for (auto const& branch : piece.branches) {
      auto const bounds = bounds_of(branch);
      once.shortest = std::min(once.shortest, bounds.shortest);
      once.longest = std::max(once.longest, bounds.longest);
    }
  }
  return {once.shortest * piece.least, once.longest * piece.most};
}

/// Past the longest text, one more says that it is too long.
Bounds bounds_of(Sequence const& sequence) {
  Bounds all;
  for (auto const& piece : sequence) {
    auto const bounds = bounds_of(piece);
    all.shortest = std::min(all.shortest + bounds.shortest, kMostCharacters + 1);
    all.longest = std::min(all.longest + bounds.longest, kMostCharacters + 1);
  }
  return all;
}

void write(Sequence const& sequence, std::string& text) {
  for (auto const& piece : sequence) {
    auto const times = piece.least + draw(piece.most - piece.least + 1);
    for (std::uint32_t i = 0; i < times; ++i) {
      if (piece.branches.empty()) {
        append(text, piece.characters[draw(piece.characters.size())]);
      } else {
        write(piece.branches[draw(piece.branches.size())], text);
      }
    }
  }
}

}  // namespace

TextGenerator::TextGenerator(std::string const& pattern) {
  if (pattern == kUuid) {
    is_uuid_ = true;
    shortest_ = longest_ = kUuidLength;
    return;
  }
  if (pattern.size() > kLongestPattern)
    throw std::invalid_argument(
        fmt::format("The pattern has {} bytes; {} are allowed.", pattern.size(), kLongestPattern));
  RE2 const expression(pattern, RE2::Quiet);
  if (!expression.ok())
    throw std::invalid_argument(
        fmt::format("The pattern is no regular expression: {}.", expression.error()));
  sequence_.push_back(Reader(pattern).read_group(0));
  auto const bounds = bounds_of(sequence_);
  shortest_ = bounds.shortest;
  longest_ = bounds.longest;
  if (longest_ > kMostCharacters)
    throw std::invalid_argument(
        fmt::format("The pattern gives texts of more than {} characters.", kMostCharacters));
}

std::string TextGenerator::generate() const {
  if (is_uuid_) return make_uuid_v7();
  std::string text;
  write(sequence_, text);
  return text;
}

std::string generate_text(std::string const& pattern) {
  static thread_local std::unordered_map<std::string, TextGenerator> generators;
  return generators.try_emplace(pattern, pattern).first->second.generate();
}

}  // namespace minga::records
