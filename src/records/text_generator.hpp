#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace minga::records {

/// Makes random texts after a pattern: the values that a text field's autogeneratePattern gives.
///
/// A pattern is a regular expression in RE2's syntax, made of characters, `.` (a letter or digit),
/// classes (`[a-z0-9]`, `[^0-9]`, `[[:upper:]]`, `\d`, `\w`, `\pL`), groups, `|`, and the
/// repetitions `?`, `*`, `+`, `{n}`, `{n,}`, `{n,m}`; all of a text matches it. A class gives
/// printable ASCII, and the characters beyond it that it names. What has no upper bound is repeated
/// six times at most. Branches, repetitions and characters are drawn evenly by the system's random
/// source. The pattern `<uuidv7>` gives UUIDs that sort by time (RFC 9562 section 5.7).
class TextGenerator {
 public:
  /// Throws std::invalid_argument with a sentence about what is wrong: no regular expression, a
  /// part that a text cannot be made of (anchors, flags), more than 500 bytes, groups nested more
  /// than 20 deep, texts of more than 5,000 characters.
  explicit TextGenerator(std::string const& pattern);

  std::string generate() const;
  /// Code points of the shortest and the longest text.
  std::size_t shortest() const { return shortest_; }
  std::size_t longest() const { return longest_; }

  /// One of the characters or one of the branches, `least` to `most` times.
  struct Piece {
    std::u32string characters;
    std::vector<std::vector<Piece>> branches;
    std::uint32_t least = 1;
    std::uint32_t most = 1;
  };
  using Sequence = std::vector<Piece>;

 private:
  bool is_uuid_ = false;
  Sequence sequence_;
  std::size_t shortest_ = 0;
  std::size_t longest_ = 0;
};

/// A text of a pattern that is known to be well-formed; each thread reads a pattern once.
std::string generate_text(std::string const& pattern);

}  // namespace minga::records
