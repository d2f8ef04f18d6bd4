#pragma once

#include <minga/async.hpp>

#include <string_view>

namespace minga {

/// A part of the server with a life of its own. Started in order, stopped in reverse; stop()
/// completes before it returns: nothing of the service runs afterwards. Both are awaited on the
/// first I/O thread.
class Service {
 public:
  virtual ~Service() = default;
  virtual std::string_view name() const = 0;
  /// Throws when it cannot serve; the server then stops what was started and ends with that
  /// sentence.
  virtual Async<void> start() = 0;
  /// Drains until the deadline, then cancels. Never throws.
  virtual Async<void> stop(Deadline deadline) = 0;
};

}  // namespace minga
