#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace minga::testing {

/// An answer as a client reads it: the body without its framing.
struct Answer {
  int status = 0;
  std::string head;
  std::map<std::string, std::string> headers;  // names in lower case; the last of equal ones
  std::string body;
  bool whole = false;  // the framing said that the body is complete

  std::string header(std::string const& name) const;
};

/// A bare TCP connection to 127.0.0.1, for what no HTTP library would send. Blocking, with 10 s of
/// patience for each call; std::runtime_error past it.
class RawClient {
 public:
  /// `receive_buffer`: bytes the kernel keeps for a client that does not read; 0: its own choice.
  explicit RawClient(std::uint16_t port, int receive_buffer = 0);
  ~RawClient();
  RawClient(RawClient const&) = delete;
  RawClient& operator=(RawClient const&) = delete;

  /// False when the server closed before all was taken.
  bool send(std::string_view bytes);
  void end_sending();
  /// The next answer; nothing when the connection ended before one began. `head_only`: to a HEAD.
  std::optional<Answer> read_answer(bool head_only = false);
  /// The next bytes as they come; empty at the end of the connection.
  std::string read_some(std::size_t most = 65'536);
  /// All until the end of the connection.
  std::string read_all();

 private:
  bool fill();
  std::optional<std::string> take_line();
  std::string take(std::size_t size);
  void read_body(Answer& answer);

  int socket_;
  std::string received_;
};

}  // namespace minga::testing
