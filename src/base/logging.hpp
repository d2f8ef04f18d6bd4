#pragma once

#include <chrono>
#include <cstddef>
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

/// What the access log tells of a request.
struct Access {
  std::string_view method;
  std::string_view path;
  int status;
  std::size_t bytes;  // of the answer's body, as sent
  std::chrono::microseconds elapsed;
  std::string_view request_id;
  std::string_view address;
};

/// One line for a request, kept with the calling thread's until its flush_access(), until they fill
/// 16 KiB, or until the thread ends: a write for each would cost more than many a request.
void access(Access const& request);

/// Writes the access lines of the calling thread.
void flush_access();

/// Writes what else is buffered; before the process ends.
void flush();

}  // namespace minga::log
