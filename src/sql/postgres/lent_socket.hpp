#pragma once

#include <minga/async.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace minga::sql::postgres {

/// libpq's socket in Asio's hands, given back before libpq may close it.
class LentSocket {
 public:
  LentSocket(boost::asio::any_io_executor const& executor, int socket)
      : descriptor_(executor, socket) {}
  ~LentSocket() { descriptor_.release(); }
  LentSocket(LentSocket const&) = delete;
  LentSocket& operator=(LentSocket const&) = delete;

  Async<void> wait(bool to_read) {
    using Base = boost::asio::posix::descriptor_base;
    co_await descriptor_.async_wait(to_read ? Base::wait_read : Base::wait_write,
                                    boost::asio::use_awaitable);
  }

 private:
  boost::asio::posix::stream_descriptor descriptor_;
};

}  // namespace minga::sql::postgres
