#pragma once

#include <minga/json.hpp>

#include "base/time_text.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace minga::cluster {

// Parts of what operators and programs are shown.

/// `2026-11-21 12:34:56Z`.
std::string short_time(SystemTime time);
/// "16 B", "32 KiB", "27 MiB".
std::string bytes_text(std::int64_t bytes);
Json time_or_null(std::optional<SystemTime> const& time);
Json text_or_null(std::string const& text);

}  // namespace minga::cluster
