#include "support/proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <poll.h>
#include <stdexcept>
#include <unistd.h>

namespace minga::testing_support {
namespace {

constexpr int kLook = 20;  // milliseconds between looks at what the test wants

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// As those have it between which the proxy stands: else what is sent in two pieces waits 40 ms.
void send_at_once(int socket) {
  int const yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace

Proxy::Proxy(int target) : target_(target) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &size) != 0)
    throw std::runtime_error("the proxy cannot listen");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

Proxy::~Proxy() {
  is_ending_ = true;
  thread_.join();
  for (auto& pair : pairs_) {
    pair.thread.join();
    ::close(pair.client);
    ::close(pair.server);
  }
  ::close(listener_);
}

void Proxy::cut_all() {
  std::lock_guard const lock(mutex_);
  for (auto& pair : pairs_) {
    ::shutdown(pair.client, SHUT_RDWR);
    ::shutdown(pair.server, SHUT_RDWR);
  }
}

void Proxy::accept_all() {
  while (!is_ending_) {
    pollfd ready{listener_, POLLIN, 0};
    if (::poll(&ready, 1, kLook) <= 0 || is_stalled_) continue;
    auto const client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    auto const server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    send_at_once(client);
    send_at_once(server);
    auto address = loopback(target_);
    if (::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      ::shutdown(client, SHUT_RDWR);
    std::lock_guard const lock(mutex_);
    pairs_.push_back({client, server, std::thread([=, this] { forward(client, server); })});
  }
}

void Proxy::forward(int client, int server) {
  while (!is_ending_) {
    std::array<pollfd, 2> ready{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    if (are_answers_stalled_) ready[1] = {-1, 0, 0};
    if (is_stalled_) {
      ::poll(nullptr, 0, kLook);
      continue;
    }
    if (::poll(ready.data(), 2, kLook) <= 0 || is_stalled_) continue;
    if (ready[0].revents != 0 && !move(client, server, Cut::request)) break;
    if (ready[1].revents != 0 && !move(server, client, Cut::answer)) break;
  }
  ::shutdown(client, SHUT_RDWR);
  ::shutdown(server, SHUT_RDWR);
}

/// False when the connection is over.
bool Proxy::move(int from, int to, Cut kind) {
  std::array<char, 65536> bytes;
  auto const count = ::recv(from, bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  auto expected = kind;
  if (cut_.compare_exchange_strong(expected, Cut::none)) return false;
  return ::send(to, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
}

}  // namespace minga::testing_support
