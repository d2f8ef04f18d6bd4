#pragma once

#include <minga/async.hpp>
#include <minga/error.hpp>
#include <minga/json.hpp>
#include <minga/response.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minga {

enum class Method { get, head, post, put, patch, delete_, options, other };
enum class Language { es, en };
enum class Format { json, html, text };

/// One part of a multipart body while it is being read. read_some() must be called until it answers
/// 0 before the next part can be taken.
class Part {
 public:
  virtual ~Part() = default;
  virtual std::string const& name() const = 0;
  virtual std::optional<std::string> const& filename() const = 0;
  virtual std::string const& content_type() const = 0;
  /// Bytes read into the buffer; 0 at the end of the part.
  virtual Async<std::size_t> read_some(std::span<char> buffer) = 0;
};

class Pages;

/// One request, valid until its handler has returned. Text views live as long as the request. Not
/// thread-safe: a request stays on its I/O thread.
class Request {
 public:
  using Pair = std::pair<std::string, std::string>;

  struct Impl;
  explicit Request(std::unique_ptr<Impl> impl);
  ~Request();
  Request(Request&&) noexcept;
  Request& operator=(Request&&) noexcept;

  Method method() const;
  std::string_view method_name() const;
  /// As the client sent it: path and query, percent-encoded.
  std::string_view target() const;
  /// Decoded, without the mount's prefix; "/" at least.
  std::string_view path() const;
  /// The prefix the application is mounted under: "" at the root, else such as "/tasks". Links
  /// begin with it.
  std::string_view base() const;
  /// A path of the application as a link: url("/add") is "/tasks/add" where it is mounted under
  /// "/tasks".
  std::string url(std::string_view path) const;
  /// "" when absent; names without regard to case; a repeated header's values are joined by ", ".
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;
  /// First value of a query parameter, decoded; nothing when absent.
  std::optional<std::string_view> query(std::string_view name) const;
  std::vector<Pair> const& query_all() const;
  /// A path parameter: `<id>` of the route, decoded; "" when the route has none of that name.
  std::string_view param(std::string_view name) const;
  std::optional<std::string_view> cookie(std::string_view name) const;
  std::string_view remote_address() const;
  bool is_secure() const;
  /// X-Request-Id: taken over from the client when well-formed, else made.
  std::string_view id() const;
  Deadline deadline() const;
  /// What the client would rather have, by Accept; `*` and none at all mean json.
  Format format() const;
  /// Whether a person's form sent this, who is to see a page next: the body is a form (urlencoded
  /// or multipart) and Accept does not name JSON.
  bool is_form() const;
  /// By Accept-Language; the server's default language where the client names neither.
  Language language() const;

  /// The whole body. Throws Error 413 past `limit` bytes (0: the server's setting, 32 MiB unless
  /// set).
  Async<std::string_view> body(std::size_t limit = 0);
  /// The body as JSON; an absent or empty one is {}. Error 400 when malformed, nested deeper than
  /// 64, not UTF-8.
  Async<Json> json();
  /// The fields that were sent, as JSON, urlencoded form or multipart (API.md section 1, "Bodies
  /// in"). Error 415 for another content type, 400 when malformed or when the JSON is no object.
  Async<JsonObject> input();
  /// The next bytes of the body, for streams of any size; 0 at its end. What it has given, body(),
  /// json() and input() do not see; after them it begins anew.
  Async<std::size_t> read_some(std::span<char> buffer);
  /// Calls `each` for every part of a multipart body, in order. Error 415 when it is none, 400 when
  /// malformed or past the bounds (1,000 parts).
  Async<void> multipart(std::function<Async<void>(Part&)> each);

  /// A page of the application from `pages/NAME`, with the model; the layout, the texts of the
  /// request's language, `base`, the CSRF field and notices are filled in. Status 200 unless
  /// changed.
  Response render(std::string_view page, JsonObject model = {});
  /// The message of that key in the request's language; the key itself when there is none. `{name}`
  /// is replaced.
  std::string text(std::string_view key, JsonObject const& values = {}) const;

  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

using Handler = std::function<Async<Response>(Request&)>;

}  // namespace minga
