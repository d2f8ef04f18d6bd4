#include "support/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace minga::testing {
namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (auto& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lowered;
}

}  // namespace

std::string Answer::header(std::string const& name) const {
  auto const found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

RawClient::RawClient(std::uint16_t port, int receive_buffer)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  timeval const patience{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (receive_buffer > 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "connecting");
}

RawClient::~RawClient() {
  ::close(socket_);
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
    if (size < 0) throw std::system_error(errno, std::generic_category(), "sending");
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

void RawClient::end_sending() {
  ::shutdown(socket_, SHUT_WR);
}

bool RawClient::fill() {
  std::array<char, 65'536> buffer;
  auto const size = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (size < 0 && errno != ECONNRESET)
    throw std::system_error(errno, std::generic_category(), "receiving");
  if (size <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

std::string RawClient::read_some(std::size_t most) {
  if (received_.empty()) fill();
  return take(std::min(most, received_.size()));
}

std::string RawClient::read_all() {
  while (fill()) {
  }
  return std::exchange(received_, {});
}

std::string RawClient::take(std::size_t size) {
  while (received_.size() < size && fill()) {
  }
  auto const text = received_.substr(0, size);
  received_.erase(0, text.size());
  return text;
}

std::optional<std::string> RawClient::take_line() {
  for (;;) {
    if (auto const end = received_.find("\r\n"); end != std::string::npos) {
      auto const line = received_.substr(0, end);
      received_.erase(0, end + 2);
      return line;
    }
    if (!fill()) return std::nullopt;
  }
}

std::optional<Answer> RawClient::read_answer(bool head_only) {
  auto const first = take_line();
  if (!first) return std::nullopt;
  Answer answer;
  answer.head = *first + "\r\n";
  if (!first->starts_with("HTTP/1.1 ")) throw std::runtime_error("no status line: " + *first);
  std::from_chars(first->data() + 9, first->data() + first->size(), answer.status);
  for (auto line = take_line(); line; line = take_line()) {
    answer.head += *line + "\r\n";
    if (line->empty()) {
      answer.whole =
          head_only || answer.status == 204 || answer.status == 304 || answer.status / 100 == 1;
      if (!answer.whole) read_body(answer);
      return answer;
    }
    auto const colon = line->find(": ");
    if (colon == std::string::npos) throw std::runtime_error("no header: " + *line);
    answer.headers[lower(line->substr(0, colon))] = line->substr(colon + 2);
  }
  return answer;
}

void RawClient::read_body(Answer& answer) {
  if (answer.header("transfer-encoding") == "chunked") {
    for (auto line = take_line(); line; line = take_line()) {
      std::size_t size = 0;
      std::from_chars(line->data(), line->data() + line->size(), size, 16);
      answer.body += take(size);
      answer.whole = size == 0 && take_line() == "";
      if (size == 0 || take_line() != "") return;
    }
  } else if (answer.headers.contains("content-length")) {
    auto const size = std::stoull(answer.header("content-length"));
    answer.body = take(size);
    answer.whole = answer.body.size() == size;
  } else {
    answer.body = read_all();
    answer.whole = true;
  }
}

}  // namespace minga::testing
