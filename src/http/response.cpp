#include <minga/response.hpp>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "http/cookies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace minga {
namespace {

/// Those of an API's answer, with the ones that every answer carries.
constexpr std::size_t kUsualHeaders = 8;

/// RFC 9110 token characters.
constexpr auto kIsTokenCharacter = [] {
  std::array<bool, 256> is{};
  for (char c = '0'; c <= '9'; ++c) is[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) is[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) is[static_cast<unsigned char>(c)] = true;
  for (char const c : std::string_view("!#$%&'*+-.^_`|~")) is[static_cast<unsigned char>(c)] = true;
  return is;
}();

bool is_token(std::string_view text) {
  bool is = !text.empty();
  for (char const c : text) is &= kIsTokenCharacter[static_cast<unsigned char>(c)];
  return is;
}

constexpr auto kIsControlCharacter = [] {
  std::array<bool, 256> is{};
  for (unsigned char c = 0; c < 0x20; ++c) is[c] = c != '\t';
  is[0x7F] = true;
  return is;
}();

bool has_control_character(std::string_view text) {
  bool has = false;
  for (char const c : text) has |= kIsControlCharacter[static_cast<unsigned char>(c)];
  return has;
}

void check_header(std::string_view name, std::string_view value) {
  if (!is_token(name)) throw std::invalid_argument(fmt::format("'{}' is no header name", name));
  if (has_control_character(value)) {
    throw std::invalid_argument(
        fmt::format("The value of header {} holds a control character", name));
  }
}

Response with_body(int status, std::string type, Response::Body body) {
  Response response(status);
  response.header("Content-Type", std::move(type));
  response.body() = std::move(body);
  return response;
}

}  // namespace

Response::Response(int status) : status_(status) {
  headers_.reserve(kUsualHeaders);
}

Response Response::json(Json const& value, int status) {
  return json_text(minga::json_text(value), status);
}

Response Response::json(JsonObject const& value, int status) {
  return json_text(minga::json_text(value), status);
}

Response Response::json_text(std::string text, int status) {
  return with_body(status, "application/json", std::move(text));
}

Response Response::text(std::string body, int status) {
  return with_body(status, "text/plain; charset=utf-8", std::move(body));
}

Response Response::html(std::string body, int status) {
  return with_body(status, "text/html; charset=utf-8", std::move(body));
}

Response Response::empty(int status) {
  return Response(status);
}

Response Response::redirect(std::string location, int status) {
  Response response(status);
  response.header("Location", std::move(location));
  return response;
}

Response Response::file(std::filesystem::path path, std::string content_type) {
  return with_body(200, std::move(content_type), File{std::move(path)});
}

Response Response::static_bytes(std::string_view bytes, std::string content_type) {
  return with_body(200, std::move(content_type), Static{bytes});
}

Response Response::stream(std::string content_type, Writer writer) {
  return with_body(200, std::move(content_type), Stream{std::move(writer)});
}

Response& Response::status(int value) & {
  status_ = value;
  return *this;
}

Response& Response::header(std::string name, std::string value) & {
  check_header(name, value);
  for (auto& [present, old] : headers_) {
    if (!equals_ignoring_case(present, name)) continue;
    old = std::move(value);
    return *this;
  }
  headers_.emplace_back(std::move(name), std::move(value));
  return *this;
}

Response& Response::add_header(std::string name, std::string value) & {
  check_header(name, value);
  headers_.emplace_back(std::move(name), std::move(value));
  return *this;
}

std::string_view Response::header(std::string_view name) const {
  for (auto const& [present, value] : headers_) {
    if (equals_ignoring_case(present, name)) return value;
  }
  return {};
}

Response& Response::cookie(Cookie const& value) & {
  return add_header("Set-Cookie", http::format_cookie(value));
}

Response& Response::etag(std::string_view tag) & {
  return header("ETag", std::string(1, '"').append(tag).append(1, '"'));
}

Response& Response::notice(std::string message) & {
  notice_ = std::move(message);
  return *this;
}

}  // namespace minga
