#pragma once

#include <minga/async.hpp>
#include <minga/request.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace minga {

/// A durable number that many requests add to at once. The additions that wait together on a node
/// are one write, so the counter is no hot spot; each caller still gets the exact value its own
/// addition led to, once it is durable.
class Counter {
 public:
  class Impl;
  explicit Counter(std::shared_ptr<Impl> impl);

  /// The value after this addition, told to no other caller. Error 503 when it could not be made
  /// durable within the request's deadline, and with the code in_doubt when the database was lost
  /// meanwhile: then it may have been counted.
  Async<std::int64_t> add(Request& request, std::int64_t amount = 1) const;
  Async<std::int64_t> read(Request& request) const;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace minga
