#pragma once

#include <minga/async.hpp>
#include <minga/json.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace minga {

/// Where a streamed body is written. write() returns when the bytes are handed to the kernel, so a
/// stream is never faster than its reader; it throws when the client is gone, does not read for the
/// write timeout, or the server drains.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  virtual Async<void> write(std::string_view bytes) = 0;
  /// True once the server drains or the client has gone: a stream without an end of its own should
  /// return.
  virtual bool stopping() const = 0;
  /// Waits for that long, or until stopping() becomes true, whichever comes first.
  virtual Async<void> wait(std::chrono::milliseconds duration) = 0;
};

struct Cookie {
  std::string name;
  std::string value;
  std::string path = "/";
  /// Negative: a session cookie. 0 deletes it.
  std::chrono::seconds max_age{-1};
  bool http_only = true;
  bool secure = false;
  /// "Lax", "Strict" or "None".
  std::string same_site = "Lax";
};

/// An answer; a value, cheap to move. Setters return the response, so that they chain, and chained
/// to one that was just made they copy nothing.
class Response {
 public:
  using Writer = std::function<Async<void>(BodyWriter&)>;
  struct File {
    std::filesystem::path path;
  };
  /// Bytes that live as long as the program (embedded assets): sent without a copy.
  struct Static {
    std::string_view bytes;
  };
  struct Stream {
    Writer writer;
  };
  using Body = std::variant<std::string, Static, File, Stream>;
  using Header = std::pair<std::string, std::string>;

  explicit Response(int status = 204);

  static Response json(Json const& value, int status = 200);
  static Response json(JsonObject const& value, int status = 200);
  /// Text that is JSON already.
  static Response json_text(std::string text, int status = 200);
  static Response text(std::string body, int status = 200);
  static Response html(std::string body, int status = 200);
  static Response empty(int status = 204);
  /// 303 unless given: the browser follows with GET. `location` is absolute or begins with "/".
  static Response redirect(std::string location, int status = 303);
  /// Range, If-Range, ETag and Last-Modified are answered by the server. Error 404 when there is no
  /// such file.
  static Response file(std::filesystem::path path, std::string content_type);
  static Response static_bytes(std::string_view bytes, std::string content_type);
  /// Chunked; `writer` runs after the head is sent.
  static Response stream(std::string content_type, Writer writer);

  int status() const { return status_; }
  Response& status(int value) &;
  Response&& status(int value) && { return std::move(status(value)); }
  /// Sets (replaces) a header. Names and values must hold no control characters
  /// (std::invalid_argument).
  Response& header(std::string name, std::string value) &;
  Response&& header(std::string name, std::string value) && {
    return std::move(header(std::move(name), std::move(value)));
  }
  Response& add_header(std::string name, std::string value) &;
  Response&& add_header(std::string name, std::string value) && {
    return std::move(add_header(std::move(name), std::move(value)));
  }
  std::string_view header(std::string_view name) const;
  std::vector<Header> const& headers() const { return headers_; }
  Response& cookie(Cookie const& value) &;
  Response&& cookie(Cookie const& value) && { return std::move(cookie(value)); }
  /// A strong entity tag without its quotes. The server answers If-None-Match with 304.
  Response& etag(std::string_view tag) &;
  Response&& etag(std::string_view tag) && { return std::move(etag(tag)); }
  /// A message for the next page this browser sees, in a signed cookie.
  Response& notice(std::string message) &;
  Response&& notice(std::string message) && { return std::move(notice(std::move(message))); }
  std::string const& notice() const { return notice_; }

  Body const& body() const { return body_; }
  Body& body() { return body_; }

 private:
  int status_;
  std::vector<Header> headers_;
  Body body_;
  std::string notice_;
};

}  // namespace minga
