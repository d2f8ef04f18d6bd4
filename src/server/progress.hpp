#pragma once

#include <minga/async.hpp>

#include <string_view>

namespace minga::server {

/// A line on standard error that says how far a command is: rewritten in place on a terminal, every
/// 5 s elsewhere.
class ProgressLine {
 public:
  ProgressLine();
  void show(std::string_view line);
  /// Takes the line off the terminal.
  void end() const;

 private:
  bool terminal_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace minga::server
