#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minga::http {

/// Whether an entity tag (quoted, as sent in ETag) is in a list (If-Match, If-None-Match); "*"
/// matches any. The weak comparison (RFC 9110 section 8.8.3.2) takes W/"x" and "x" as equal.
bool tag_listed(std::string_view list, std::string_view tag, bool weak);

/// The tags of such a list as If-Match has them, without quotes and weak marks: a compressed
/// answer's weak tag is the same record's. "*" stays.
std::vector<std::string> listed_tags(std::string_view list);

/// An IMF-fixdate (RFC 9110 section 5.6.7), as all clients write it; nothing for other text.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
};
struct RangeAnswer {
  bool satisfiable = true;
  std::optional<ByteRange> range;  // none: send the whole
};
/// `Range: bytes=...` against a body of `size` bytes. Several ranges, another unit or a malformed
/// header: the whole.
RangeAnswer choose_range(std::string_view header, std::uint64_t size);

}  // namespace minga::http
