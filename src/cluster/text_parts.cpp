#include "cluster/text_parts.hpp"

#include <fmt/format.h>

namespace minga::cluster {

std::string short_time(SystemTime time) {
  return format_time(time).substr(0, 19) + "Z";
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 10'240) return fmt::format("{} B", bytes);
  auto const kib = static_cast<double>(bytes) / 1024;
  return kib < 10'240 ? fmt::format("{:.0f} KiB", kib) : fmt::format("{:.0f} MiB", kib / 1024);
}

Json time_or_null(std::optional<SystemTime> const& time) {
  return time ? Json(format_time(*time)) : Json(nullptr);
}

Json text_or_null(std::string const& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace minga::cluster
