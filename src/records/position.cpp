#include "records/position.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace minga::records {
namespace {

bool read_number(std::string_view digits, std::int64_t& number) {
  auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && end == digits.data() + digits.size() && number >= 0;
}

}  // namespace

std::string Place::text() const {
  if (timeline > 1) return fmt::format("{}.{}.{}.{}", transaction, number, own, timeline);
  if (own > 0) return fmt::format("{}.{}.{}", transaction, number, own);
  if (transaction == 0) return std::to_string(number);
  return fmt::format(FMT_COMPILE("{}.{}"), transaction, number);
}

std::optional<Place> Place::parse(std::string_view text) {
  std::array<std::int64_t, 4> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    auto const point = std::min(text.find('.'), text.size());
    if (!read_number(text.substr(0, point), numbers[i])) return std::nullopt;
    if (point == text.size())
      return i == 0 ? Place{0, numbers[0]} : Place{numbers[0], numbers[1], numbers[2], numbers[3]};
    text.remove_prefix(point + 1);
  }
  return std::nullopt;
}

std::string Position::text() const {
  return fmt::format(FMT_COMPILE("{}-{}"), epoch, place.text());
}

std::optional<Position> Position::parse(std::string_view text) {
  auto const dash = text.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == text.size()) return std::nullopt;
  auto const place = Place::parse(text.substr(dash + 1));
  if (!place) return std::nullopt;
  return Position{std::string(text.substr(0, dash)), *place};
}

}  // namespace minga::records
