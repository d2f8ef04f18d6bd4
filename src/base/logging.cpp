#include "base/logging.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

namespace minga::log {
namespace {

std::atomic<bool> as_json = false;

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
    made->set_pattern("%Y-%m-%d %H:%M:%S.%eZ %^%-5!l%$ %v", spdlog::pattern_time_type::utc);
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

void access(std::string_view method, std::string_view path, int status, std::size_t bytes,
            long microseconds, std::string_view request_id, std::string_view address) {
  if (!logger().should_log(spdlog::level::info)) return;
  boost::json::object line;
  line["method"] = method;
  line["path"] = path;  // JSON escapes what a client may have put into it
  if (!as_json) {
    auto const quoted = boost::json::serialize(line["path"]);
    logger().info("{} {} {} {} B {} us {} {}", method,
                  std::string_view(quoted).substr(1, quoted.size() - 2), status, bytes,
                  microseconds, request_id, address);
    return;
  }
  line["status"] = status;
  line["bytes"] = bytes;
  line["microseconds"] = microseconds;
  line["requestId"] = request_id;
  line["address"] = address;
  auto const text = boost::json::serialize(line);
  logger().info("{}", std::string_view(text).substr(1));
}

void flush() {
  logger().flush();
}

}  // namespace minga::log
