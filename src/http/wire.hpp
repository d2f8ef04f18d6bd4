#pragma once

#include <minga/async.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
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

/// Reads into a dynamic buffer; 0 at the end of the connection, however it ended.
template <class Stream>
Async<std::size_t> read_more(Stream& stream, boost::beast::flat_buffer& buffer) {
  boost::system::error_code error;
  auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
  auto const room = buffer.prepare(kReadSize);
  auto const size = co_await stream.async_read_some(room, token);
  buffer.commit(size);
  co_return error ? 0 : size;
}

/// Takes what has been sent off the front of the buffers.
inline void pass_over(std::span<boost::asio::const_buffer> pieces, std::size_t sent) {
  for (auto& piece : pieces) {
    auto const size = std::min(sent, piece.size());
    piece += size;
    sent -= size;
  }
}

}  // namespace minga::http
