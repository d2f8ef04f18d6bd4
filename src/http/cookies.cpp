#include "http/cookies.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace minga::http {
namespace {

/// RFC 6265 cookie-octet.
bool is_cookie_octet(char c) {
  auto const code = static_cast<unsigned char>(c);
  return code > 0x20 && code < 0x7F && c != '"' && c != ',' && c != ';' && c != '\\';
}

/// RFC 6265 path-value that is absolute.
bool is_cookie_path(std::string_view path) {
  return path.starts_with('/') && std::all_of(path.begin(), path.end(), [](char c) {
           auto const code = static_cast<unsigned char>(c);
           return code >= 0x20 && code < 0x7F && c != ';';
         });
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_cookies(std::string_view header) {
  std::vector<std::pair<std::string, std::string>> cookies;
  while (!header.empty()) {
    auto const end = std::min(header.find(';'), header.size());
    auto const pair = trim(header.substr(0, end));
    header.remove_prefix(std::min(end + 1, header.size()));
    auto const equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    auto value = trim(pair.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    cookies.emplace_back(trim(pair.substr(0, equals)), value);
  }
  return cookies;
}

std::string format_cookie(Cookie const& cookie) {
  if (cookie.name.empty() || cookie.name.find('=') != std::string::npos ||
      !std::all_of(cookie.name.begin(), cookie.name.end(), is_cookie_octet)) {
    throw std::invalid_argument(fmt::format("'{}' is no cookie name", cookie.name));
  }
  if (!std::all_of(cookie.value.begin(), cookie.value.end(), is_cookie_octet)) {
    throw std::invalid_argument(
        fmt::format("The value of cookie {} must be encoded first", cookie.name));
  }
  if (!is_cookie_path(cookie.path)) {
    throw std::invalid_argument(
        fmt::format("The path of cookie {} must begin with / and hold no ;", cookie.name));
  }
  auto text = fmt::format("{}={}; Path={}", cookie.name, cookie.value, cookie.path);
  if (cookie.max_age.count() >= 0) text += fmt::format("; Max-Age={}", cookie.max_age.count());
  if (cookie.http_only) text += "; HttpOnly";
  if (cookie.secure) text += "; Secure";
  if (!cookie.same_site.empty()) text += "; SameSite=" + cookie.same_site;
  return text;
}

}  // namespace minga::http
