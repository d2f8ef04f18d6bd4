#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace minga {

using SystemTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// `2022-01-01 10:00:00.123Z`: 24 characters, UTC, the form in which the API shows and the database
/// keeps times. Years 0000..9999.
std::string format_time(SystemTime time);
SystemTime now_millis();

/// Reads what API.md section 1 allows: that form; `T` for the blank, an offset (converted), fewer
/// or more digits of fraction (cut to milliseconds), seconds or the time left out; an integer as
/// text (Unix seconds). Nothing when it is none of these or outside the years 0000..9999.
std::optional<SystemTime> parse_time(std::string_view text);

}  // namespace minga
