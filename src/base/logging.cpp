#include "base/logging.hpp"

#include "base/time_text.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <memory>

namespace minga::log {
namespace {

std::atomic<bool> as_json = false;

constexpr std::size_t kAccessBuffer = 16 * 1024;

/// The access lines of a thread that are not written yet.
struct AccessLines {
  std::string text;

  ~AccessLines() { write(); }
  void write() {
    // As with every log: lines that standard error does not take are gone.
    if (!text.empty()) std::fwrite(text.data(), 1, text.size(), stderr);
    text.clear();
  }
};

thread_local AccessLines access_lines;

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static auto const instance = [] {
    auto made = std::make_shared<spdlog::logger>(
        "minga", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%Y-%m-%d %H:%M:%S.%eZ %^%-7l%$ %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

void write(spdlog::level::level_enum level, std::string_view message) {
  if (!logger().should_log(level)) return;
  if (!as_json) {
    logger().log(level, "{}", message);
    return;
  }
  boost::json::object line;
  line["message"] = message;
  auto const text = boost::json::serialize(line);
  logger().log(level, "{}", std::string_view(text).substr(1));
}

}  // namespace

void start(Format format, Level level) {
  as_json = format == Format::json;
  logger().set_level(level_of(level));
  if (as_json) {
    logger().set_pattern(R"({"time":"%Y-%m-%d %H:%M:%S.%eZ","level":"%l",%v)",
                         spdlog::pattern_time_type::utc);
  }
}

void debug(std::string_view message) {
  write(spdlog::level::debug, message);
}
void info(std::string_view message) {
  write(spdlog::level::info, message);
}
void warning(std::string_view message) {
  write(spdlog::level::warn, message);
}
void error(std::string_view message) {
  write(spdlog::level::err, message);
}

void access(Access const& request) {
  if (!logger().should_log(spdlog::level::info)) return;
  auto& lines = access_lines.text;
  // JSON escapes what a client may have put into the path. Pieces are appended one by one: a
  // format string would cost more than the rest of the line.
  auto const path = boost::json::serialize(boost::json::string_view(request.path));
  auto const add = [&lines](auto const&... pieces) {
    (lines.append(pieces), ...);
  };
  fmt::format_int const status(request.status);
  fmt::format_int const bytes(request.bytes);
  fmt::format_int const elapsed(request.elapsed.count());
  auto const time = format_time(now_millis());
  if (as_json) {
    add("{\"time\":\"", time, "\",\"level\":\"info\",\"method\":\"", request.method,
        "\",\"path\":", path, ",\"status\":", status.c_str(), ",\"bytes\":", bytes.c_str(),
        ",\"microseconds\":", elapsed.c_str(), ",\"requestId\":\"", request.request_id,
        "\",\"address\":\"", request.address, "\"}\n");
  } else {
    add(time, " info    ", request.method, " ", std::string_view(path).substr(1, path.size() - 2),
        " ", status.c_str(), " ", bytes.c_str(), " B ", elapsed.c_str(), " us ", request.request_id,
        " ", request.address, "\n");
  }
  if (lines.size() >= kAccessBuffer) access_lines.write();
}

void flush_access() {
  access_lines.write();
}

void flush() {
  logger().flush();
}

}  // namespace minga::log
