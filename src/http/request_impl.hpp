#pragma once

#include <minga/request.hpp>

#include "http/settings.hpp"

#include <any>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace minga {

/// What renders an application's pages and texts for a request; set by the application's mount
/// (module web).
class Pages {
 public:
  virtual ~Pages() = default;
  virtual Response render(Request& request, std::string_view page, JsonObject model) = 0;
  virtual std::string text(Request const& request, std::string_view key,
                           JsonObject const& values) = 0;
};

/// Where the bytes of a request's body come from.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// 0 at the end. Throws Error 400, 408, 413.
  virtual Async<std::size_t> read_some(std::span<char> buffer) = 0;
  /// All that is left of the body, where it has come already; else nothing is taken. Throws Error
  /// 400.
  virtual std::optional<std::string> take_rest() { return std::nullopt; }
};

struct Request::Impl {
  Method method = Method::get;
  std::string method_name = "GET";
  std::string target = "/";
  std::string path = "/";      // decoded, mount prefix removed
  std::string raw_path = "/";  // still encoded, mount prefix removed
  std::string base;            // the mount's prefix
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, std::string>> params;
  mutable std::optional<std::vector<Request::Pair>> query;  // parsed when first asked for
  mutable std::optional<std::vector<Request::Pair>> cookies;
  std::string remote_address;
  bool secure = false;
  std::string id;
  Deadline deadline = Deadline::max();
  Language default_language = Language::es;
  std::optional<Language> chosen_language;  // by the site: its cookie goes before Accept-Language
  http::Settings const* settings = nullptr;
  std::unique_ptr<BodySource> source;             // null: no body
  std::optional<std::uint64_t> announced_length;  // of the body
  std::optional<std::string> collected;           // the body, once read as a whole
  std::size_t collected_used = 0;                 // of it, what read_some() has given
  // What input() answered, where a page may be the answer: a form shown again is filled from it.
  std::optional<JsonObject> parsed_input;
  /// Of the record that a form was filled from, by its field `_version`: a form's If-Match.
  std::string form_version;
  Pages* pages = nullptr;
  /// Headers that layers above want on the answer whatever the handler does (a cookie,
  /// Idempotent-Replayed).
  std::vector<std::pair<std::string, std::string>> answer_headers;
  /// What other rooms keep with the request (the Idempotency of all its writes).
  std::shared_ptr<void> attachment;
  /// The handler reads the body as a stream: nobody else may.
  bool streams_body = false;

  /// Error 413 when the body is announced to be longer than `limit` bytes: it need not be read.
  void check_announced_length(std::size_t limit) const;
  /// Method and target as sent. Throws Error 400 when the path cannot be decoded.
  void set_line(std::string_view name, std::string_view sent_target);
};

/// As Request::body(), where the body need not be waited for; else nothing.
std::optional<std::string_view> body_at_hand(Request& request, std::size_t limit = 0);

/// As Request::input(), for who is the last to ask: nothing is kept of it.
Async<JsonObject> take_input(Request& request);

/// A request made by hand, for tests and for batch.
Request make_request(Method method, std::string target,
                     std::vector<std::pair<std::string, std::string>> headers = {},
                     std::string body = {});

}  // namespace minga
