#include "http/peer.hpp"

#include <poll.h>

namespace minga::http {

using boost::asio::ip::tcp;

std::string address_of(tcp::socket const& socket) {
  boost::system::error_code error;
  auto const endpoint = socket.remote_endpoint(error);
  return error ? std::string() : endpoint.address().to_string();
}

bool has_gone(tcp::socket& socket) {
  if (!socket.is_open()) return true;
  pollfd state{socket.native_handle(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace minga::http
