#include "http/conditional.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <charconv>

namespace minga::http {
namespace {

std::string_view without_weak_mark(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

/// The next entity tag of a list, taken off its front; empty at the end or where the list is
/// malformed.
std::string_view take_tag(std::string_view& list) {
  while (!list.empty() && (list.front() == ' ' || list.front() == ',' || list.front() == '\t'))
    list.remove_prefix(1);
  auto const open = list.find('"');
  if (open == std::string_view::npos || (open != 0 && list.substr(0, open) != "W/")) return {};
  auto const close = list.find('"', open + 1);
  if (close == std::string_view::npos) return {};
  auto const tag = list.substr(0, close + 1);
  list.remove_prefix(close + 1);
  return tag;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

bool tag_listed(std::string_view list, std::string_view tag, bool weak) {
  if (trim(list) == "*") return true;
  if (!weak && tag.starts_with("W/")) return false;
  for (auto each = take_tag(list); !each.empty(); each = take_tag(list)) {
    if (weak ? without_weak_mark(each) == without_weak_mark(tag) : each == tag) return true;
  }
  return false;
}

std::vector<std::string> listed_tags(std::string_view list) {
  std::vector<std::string> tags;
  while (!list.empty()) {
    auto const end = std::min(list.find(','), list.size());
    auto tag = trim(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"')
      tag = tag.substr(1, tag.size() - 2);
    if (!tag.empty()) tags.emplace_back(tag);
  }
  return tags;
}

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT"))
    return std::nullopt;
  auto const month = kMonths.find(text.substr(8, 3));
  auto const day = number(text.substr(5, 2));
  auto const year = number(text.substr(12, 4));
  auto const hour = number(text.substr(17, 2));
  auto const minute = number(text.substr(20, 2));
  auto const second = number(text.substr(23, 2));
  if (month == std::string_view::npos || month % 3 != 0 || !day || !year || !hour || !minute ||
      !second)
    return std::nullopt;
  auto const date = std::chrono::year(static_cast<int>(*year)) /
                    std::chrono::month(static_cast<unsigned>(month / 3 + 1)) /
                    std::chrono::day(static_cast<unsigned>(*day));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

RangeAnswer choose_range(std::string_view header, std::uint64_t size) {
  if (!header.starts_with("bytes=") || header.find(',') != std::string_view::npos) return {};
  auto const spec = trim(header.substr(6));
  auto const dash = spec.find('-');
  if (dash == std::string_view::npos) return {};
  auto const first = number(spec.substr(0, dash));
  auto const last = number(spec.substr(dash + 1));
  if (dash == 0) {
    if (!last) return {};
    if (*last == 0 || size == 0) return {false, std::nullopt};
    return {true, ByteRange{size - std::min(*last, size), size - 1}};
  }
  if (!first || (!last && dash + 1 != spec.size()) || (last && *last < *first)) return {};
  if (*first >= size) return {false, std::nullopt};
  return {true, ByteRange{*first, std::min(last.value_or(size - 1), size - 1)}};
}

}  // namespace minga::http
