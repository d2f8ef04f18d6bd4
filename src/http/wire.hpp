#pragma once

#include <minga/async.hpp>

#include "async/deadline.hpp"
#include "http/peer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/system_error.hpp>
#include <prometheus/counter.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>

namespace minga::http {

using PlainStream = boost::asio::ip::tcp::socket;
using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

inline constexpr std::size_t kReadSize = 8 * 1024;

template <class Stream>
boost::asio::ip::tcp::socket& socket_of(Stream& stream) {
  if constexpr (std::is_same_v<Stream, TlsStream>) {
    return stream.next_layer();
  } else {
    return stream;
  }
}

/// Takes what has been sent off the front of the buffers.
inline void pass_over(std::span<boost::asio::const_buffer> pieces, std::size_t sent) {
  for (auto& piece : pieces) {
    auto const size = std::min(sent, piece.size());
    piece += size;
    sent -= size;
  }
}

/// One connection's bytes, both ways, each way with a time for the client to do its part. What is
/// late is seen by who watches `deadline`, and closes the socket.
template <class Stream>
class Wire {
 public:
  static constexpr bool is_tls = std::is_same_v<Stream, TlsStream>;

  /// All references must outlive this.
  Wire(Stream stream, Deadline& deadline, Clock::duration write_timeout, prometheus::Counter& sent)
      : stream_(std::move(stream)),
        deadline_(deadline),
        write_timeout_(write_timeout),
        sent_(sent) {}

  boost::asio::ip::tcp::socket& socket() { return socket_of(stream_); }
  bool peer_has_gone() { return has_gone(socket()); }

  /// What was read and is not consumed yet.
  boost::beast::flat_buffer& buffer() { return buffer_; }
  std::string_view buffered() const {
    auto const data = buffer_.data();
    return {static_cast<char const*>(data.data()), data.size()};
  }

  /// The TLS handshake, where there is one; false when it failed.
  Async<bool> open(Clock::duration timeout) {
    if constexpr (is_tls) {
      boost::system::error_code error;
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
      deadline_ = Clock::now() + timeout;
      co_await stream_.async_handshake(boost::asio::ssl::stream_base::server, token);
      deadline_ = Deadline::max();
      co_return !error;
    }
    co_return true;
  }

  /// Adds to the buffer; 0 at the end of the connection, however it ended.
  Async<std::size_t> read_more(Deadline until) {
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    auto const room = buffer_.prepare(kReadSize);
    deadline_ = until;
    auto const size = co_await stream_.async_read_some(room, token);
    deadline_ = Deadline::max();
    buffer_.commit(size);
    co_return error ? 0 : size;
  }

  /// How many of the bytes the kernel takes at once, most often all of them; send() sends the rest.
  std::size_t send_now(std::string_view bytes) {
    if constexpr (is_tls) {
      return 0;
    } else {
      if (has_failed_) return 0;
      boost::system::error_code error;  // send() meets it again and says so
      if (!stream_.non_blocking()) stream_.non_blocking(true, error);
      if (error) return 0;
      auto const size = stream_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
      sent_.Increment(static_cast<double>(size));
      return size;
    }
  }

  /// Sends up to three pieces at once. Throws system_error when the client is gone or too slow,
  /// runtime_error when it was before.
  Async<void> send(std::string_view first, std::string_view second = {},
                   std::string_view third = {}) {
    if (has_failed_) throw std::runtime_error("The client has not taken what came before");
    std::array<boost::asio::const_buffer, 3> pieces{
        boost::asio::buffer(first.data(), first.size()),
        boost::asio::buffer(second.data(), second.size()),
        boost::asio::buffer(third.data(), third.size())};
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    for (auto left = boost::asio::buffer_size(pieces); left > 0 && !error;) {
      deadline_ = Clock::now() + write_timeout_;
      std::size_t size = 0;
      if (left == pieces[0].size()) {
        size = co_await stream_.async_write_some(pieces[0], token);
      } else {
        size = co_await stream_.async_write_some(pieces, token);
      }
      sent_.Increment(static_cast<double>(size));
      left -= size;
      pass_over(pieces, size);
    }
    deadline_ = Deadline::max();
    if (error) {
      has_failed_ = true;
      throw boost::system::system_error(error, "sending the answer");
    }
  }

  /// The client did not take all that was for it, or can make no sense of what would follow.
  bool has_failed() const { return has_failed_; }
  void fail() { has_failed_ = true; }

  /// Closes in order. With `lingers` what the client still sends is read on for a while, so that
  /// it can read the last answer before the kernel resets the connection.
  Async<void> end(bool lingers) {
    if (!socket().is_open()) co_return;
    boost::system::error_code error;
    deadline_ = Clock::now() + kLinger;
    if constexpr (is_tls) {
      if (!has_failed_) {
        auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
        co_await stream_.async_shutdown(token);
      }
    }
    if (!socket().is_open()) co_return;
    socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
    if (!lingers || has_failed_) co_return;
    auto const until = Clock::now() + kLongestLinger;
    for (std::size_t dropped = 0; dropped < kLingerBound && Clock::now() < until;) {
      buffer_.consume(buffer_.size());
      auto const size = co_await read_more(std::min(Clock::now() + kLinger, until));
      if (size == 0) break;
      dropped += size;
    }
  }

 private:
  /// A connection that was answered before its request had come is read on for a while, as most
  /// clients look for an answer only when they have sent all.
  static constexpr auto kLinger = std::chrono::seconds(2);  // without a byte
  static constexpr auto kLongestLinger = std::chrono::seconds(10);
  static constexpr std::size_t kLingerBound = 64 * 1024 * 1024;

  Stream stream_;
  Deadline& deadline_;
  Clock::duration write_timeout_;
  prometheus::Counter& sent_;
  boost::beast::flat_buffer buffer_;
  bool has_failed_ = false;
};

}  // namespace minga::http
