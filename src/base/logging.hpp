#pragma once

#include <string>
#include <string_view>

namespace minga::log {

enum class Format { text, json };
enum class Level { debug, info, warning, error };

/// Called once, before threads start. Lines go to standard error.
void start(Format format, Level level = Level::info);

void debug(std::string_view message);
void info(std::string_view message);
void warning(std::string_view message);
void error(std::string_view message);

/// One line per request: method, path, status, bytes sent, microseconds, request id, client
/// address.
void access(std::string_view method, std::string_view path, int status, std::size_t bytes,
            long microseconds, std::string_view request_id, std::string_view address);

/// Writes what is buffered; before the process ends.
void flush();

}  // namespace minga::log
