#include "records/filter/literals.hpp"

#include "base/text.hpp"
#include "base/time_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace minga::records::filter {
namespace {

using namespace std::chrono;

/// Whether the text is a beginning of `2022-01-01 10:00:00.123Z`.
bool is_cut_time(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-dd dd:dd:dd.dddZ";
  if (text.size() > kShape.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const is_digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !is_digit : text[i] != kShape[i]) return false;
  }
  return true;
}

SystemTime last_millisecond(sys_days next_day) {
  return SystemTime{next_day} - milliseconds{1};
}

std::optional<SystemTime> time_macro(std::string_view name, SystemTime now) {
  auto const today = floor<days>(now);
  year_month_day const date{today};
  auto const month_start = sys_days{date.year() / date.month() / 1};
  auto const year_start = sys_days{date.year() / January / 1};
  if (name == "now") return now;
  if (name == "yesterday") return now - days{1};
  if (name == "tomorrow") return now + days{1};
  if (name == "todayStart") return SystemTime{today};
  if (name == "todayEnd") return last_millisecond(today + days{1});
  if (name == "monthStart") return SystemTime{month_start};
  if (name == "monthEnd")
    return last_millisecond(sys_days{(date.year() / date.month() + months{1}) / 1});
  if (name == "yearStart") return SystemTime{year_start};
  if (name == "yearEnd") return last_millisecond(sys_days{(date.year() + years{1}) / January / 1});
  return std::nullopt;
}

std::optional<std::int64_t> number_macro(std::string_view name, SystemTime now) {
  auto const today = floor<days>(now);
  year_month_day const date{today};
  hh_mm_ss const clock{now - today};
  if (name == "second") return clock.seconds().count();
  if (name == "minute") return clock.minutes().count();
  if (name == "hour") return clock.hours().count();
  if (name == "day") return static_cast<unsigned>(date.day());
  if (name == "month") return static_cast<unsigned>(date.month());
  if (name == "weekday") return weekday{today}.c_encoding();
  if (name == "year") return static_cast<int>(date.year());
  return std::nullopt;
}

}  // namespace

std::optional<sql::Value> macro(std::string_view name, std::string_view now) {
  auto const instant = parse_time(now).value_or(now_millis());
  if (auto const time = time_macro(name, instant)) return format_time(*time);
  if (auto const number = number_macro(name, instant)) return *number;
  return std::nullopt;
}

std::string date_literal(std::string_view text) {
  if (is_cut_time(text)) return std::string(text);
  auto const has_date = text.size() > 10 && is_cut_time(text.substr(0, 10));
  auto const time = has_date ? parse_time(text) : std::nullopt;
  return time ? format_time(*time) : std::string(text);
}

std::optional<sql::Value> decimal(std::string_view text) {
  if (text.empty() || (text[0] != '-' && (text[0] < '0' || text[0] > '9'))) return std::nullopt;
  auto const* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (auto const [rest, error] = std::from_chars(text.data(), end, integer);
      error == std::errc{} && rest == end)
    return integer;
  double real = 0;
  auto const [rest, error] = std::from_chars(text.data(), end, real);
  if (error != std::errc{} || rest != end || !std::isfinite(real)) return std::nullopt;
  return real;
}

std::string shown(sql::Value const& value) {
  if (auto const* text = std::get_if<std::string>(&value)) return *text;
  if (auto const* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (auto const* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  if (auto const* truth = std::get_if<bool>(&value)) return *truth ? "1" : "0";
  return {};
}

}  // namespace minga::records::filter
