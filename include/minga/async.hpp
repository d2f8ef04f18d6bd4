#pragma once

#include <boost/asio/awaitable.hpp>

#include <chrono>

namespace minga {

/// A coroutine that yields a T. It runs on the I/O thread of whoever awaits it, must not block that
/// thread, and is cancelled with its owner: a cancelled operation throws
/// boost::system::system_error(operation_aborted).
template <class T = void>
using Async = boost::asio::awaitable<T>;

using Clock = std::chrono::steady_clock;

/// The time point after which nobody waits for an answer any more. Every request has one; it
/// reaches every statement and every outgoing call.
using Deadline = Clock::time_point;

}  // namespace minga
