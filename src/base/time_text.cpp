#include "base/time_text.hpp"

#include <charconv>

namespace minga {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Reads the text from left to right; every step says whether it found what it looked for.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<int> digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return std::nullopt;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  /// One digit at least; what is finer than a millisecond is cut.
  std::optional<milliseconds> fraction() {
    int value = 0;
    int scale = 100;
    std::size_t used = 0;
    for (; used < rest_.size() && rest_[used] >= '0' && rest_[used] <= '9'; ++used) {
      value += (rest_[used] - '0') * scale;
      scale /= 10;
    }
    if (used == 0) return std::nullopt;
    rest_.remove_prefix(used);
    return milliseconds{value};
  }

 private:
  std::string_view rest_;
};

std::optional<std::chrono::sys_days> scan_date(Scanner& scanner) {
  auto const year = scanner.digits(4);
  if (!year || !scanner.take('-')) return std::nullopt;
  auto const month = scanner.digits(2);
  if (!month || !scanner.take('-')) return std::nullopt;
  auto const day = scanner.digits(2);
  if (!day) return std::nullopt;
  auto const date = std::chrono::year{*year} / *month / *day;
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date};
}

std::optional<milliseconds> scan_clock(Scanner& scanner) {
  auto const hour = scanner.digits(2);
  if (!hour || *hour > 23 || !scanner.take(':')) return std::nullopt;
  auto const minute = scanner.digits(2);
  if (!minute || *minute > 59) return std::nullopt;
  milliseconds time = hours{*hour} + minutes{*minute};
  if (!scanner.take(':')) return time;
  auto const second = scanner.digits(2);
  if (!second || *second > 59) return std::nullopt;
  time += seconds{*second};
  if (!scanner.take('.')) return time;
  auto const fraction = scanner.fraction();
  if (!fraction) return std::nullopt;
  return time + *fraction;
}

/// "Z", "+02:00", "-0530" or nothing, which is UTC.
std::optional<minutes> scan_offset(Scanner& scanner) {
  if (scanner.at_end() || scanner.take('Z') || scanner.take('z')) return minutes{0};
  int sign = 0;
  if (scanner.take('+')) sign = 1;
  if (sign == 0 && scanner.take('-')) sign = -1;
  if (sign == 0) return std::nullopt;
  auto const hour = scanner.digits(2);
  if (!hour || *hour > 23) return std::nullopt;
  scanner.take(':');
  auto const minute = scanner.digits(2);
  if (!minute || *minute > 59) return std::nullopt;
  return sign * (hours{*hour} + minutes{*minute});
}

std::optional<SystemTime> in_range(SystemTime time) {
  using namespace std::chrono;
  constexpr SystemTime kFirst = sys_days{year{0} / 1 / 1};
  constexpr SystemTime kEnd = sys_days{year{10'000} / 1 / 1};
  if (time < kFirst || time >= kEnd) return std::nullopt;
  return time;
}

std::optional<SystemTime> parse_unix_seconds(std::string_view text) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < -100'000'000'000 || value > 300'000'000'000) return std::nullopt;
  return in_range(SystemTime{seconds{value}});
}

}  // namespace

std::string format_time(SystemTime time) {
  auto const day = std::chrono::floor<days>(time);
  std::chrono::year_month_day const date{day};
  std::chrono::hh_mm_ss const clock{time - day};
  // Every request asks for several: digit by digit it takes a tenth of what a format string does.
  std::string text = "0000-00-00 00:00:00.000Z";
  auto const write = [&text](std::size_t last, std::int64_t number) {
    for (; number > 0; number /= 10) text[last--] = static_cast<char>('0' + number % 10);
  };
  write(3, static_cast<int>(date.year()));
  write(6, static_cast<unsigned>(date.month()));
  write(9, static_cast<unsigned>(date.day()));
  write(12, clock.hours().count());
  write(15, clock.minutes().count());
  write(18, clock.seconds().count());
  write(22, clock.subseconds().count());
  return text;
}

SystemTime now_millis() {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
}

std::optional<SystemTime> parse_time(std::string_view text) {
  if (auto const unix_time = parse_unix_seconds(text)) return unix_time;
  Scanner scanner(text);
  auto const date = scan_date(scanner);
  if (!date) return std::nullopt;
  if (scanner.at_end()) return SystemTime{*date};
  if (!scanner.take(' ') && !scanner.take('T') && !scanner.take('t')) return std::nullopt;
  auto const clock = scan_clock(scanner);
  if (!clock) return std::nullopt;
  auto const offset = scan_offset(scanner);
  if (!offset || !scanner.at_end()) return std::nullopt;
  return in_range(SystemTime{*date} + *clock - *offset);
}

}  // namespace minga
