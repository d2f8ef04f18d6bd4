#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace minga::http {

/// The boundary of a multipart/form-data Content-Type; nothing when it is none or its boundary is
/// not 1..70 characters.
std::optional<std::string> multipart_boundary(std::string_view content_type);

struct PartHead {
  std::string name;
  std::optional<std::string> filename;
  std::string content_type;  // "text/plain" when the part says none
};

/// Splits a multipart/form-data body (RFC 7578, RFC 2046) that comes in pieces of any size. push()
/// takes bytes, next() says what comes next; a view it gives is valid until the next push(). Throws
/// minga::Error 400 when the body is malformed or past its bounds (a part's head: 16 KiB).
class MultipartParser {
 public:
  enum class Event { need_more, part_begin, data, part_end, end };

  MultipartParser(std::string const& boundary, std::size_t max_parts);
  void push(std::string_view bytes);
  /// No more bytes will come: a body that is not complete throws.
  void finish() const;
  Event next();
  PartHead const& head() const { return head_; }
  std::string_view data() const { return data_; }

 private:
  enum class State { preamble, after_boundary, head, body, done };

  Event find_first_boundary();
  Event pass_boundary_line();
  Event read_head();
  Event read_body();

  std::string delimiter_;  // CRLF--boundary
  std::size_t max_parts_;
  std::size_t parts_ = 0;
  State state_ = State::preamble;
  std::string buffer_;
  std::size_t used_ = 0;
  PartHead head_;
  std::string_view data_;
};

}  // namespace minga::http
