#pragma once

#include <minga/async.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <fcntl.h>
#include <system_error>

namespace minga::sql::postgres {

/// Another descriptor of libpq's socket, for Asio to watch and to close. libpq closes its own when
/// the server has ended the connection, and the number may be another thread's at once. -1 with
/// errno when the process has none left.
inline int duplicate(int socket) {
  return ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
}

/// libpq's socket, for a coroutine that waits for it.
class WatchedSocket {
 public:
  /// Throws std::system_error when no descriptor is left.
  WatchedSocket(boost::asio::any_io_executor const& executor, int socket) : descriptor_(executor) {
    auto const own = duplicate(socket);
    if (own < 0) throw std::system_error(errno, std::system_category(), "a socket of libpq");
    descriptor_.assign(own);
  }

  Async<void> wait(bool to_read) {
    using Base = boost::asio::posix::descriptor_base;
    co_await descriptor_.async_wait(to_read ? Base::wait_read : Base::wait_write,
                                    boost::asio::use_awaitable);
  }

 private:
  boost::asio::posix::stream_descriptor descriptor_;
};

}  // namespace minga::sql::postgres
