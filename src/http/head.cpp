#include "http/head.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"

#include <boost/asio/ip/address.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace minga::http {
namespace {

namespace beast = boost::beast;

/// RFC 9112 section 3.2: origin-form, or absolute-form whose authority is dropped; asterisk-form
/// for OPTIONS.
std::string target_path(std::string_view target, std::string_view method) {
  if (target.starts_with('/')) return std::string(target);
  if (target == "*" && method == "OPTIONS") return "/";
  for (std::string_view const scheme : {"http://", "https://"}) {
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    auto rest = target.substr(scheme.size());
    rest.remove_prefix(std::min(rest.find_first_of("/?"), rest.size()));
    return rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  }
  throw Error::bad_request("The request's target must begin with /.");
}

bool is_host_character(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == ':') return true;
  return (c >= 'A' && c <= 'Z') ||
         std::string_view("-_~[]%!$&'()*+,;=").find(c) != std::string_view::npos;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// A header that may come once.
struct Single {
  int count = 0;
  std::string_view value;

  void take(beast::string_view sent) {
    ++count;
    value = {sent.data(), sent.size()};
  }
};

void check_framing(beast::http::request_header<> const& head) {
  Single host, coding, length;
  for (auto const& field : head) {
    switch (field.name()) {
      case beast::http::field::host:
        host.take(field.value());
        break;
      case beast::http::field::transfer_encoding:
        coding.take(field.value());
        break;
      case beast::http::field::content_length:
        length.take(field.value());
        break;
      default:
        break;
    }
  }
  if (host.count > 1 || (host.count == 0 && head.version() >= 11))
    throw Error::bad_request("Exactly one Host header is expected.");
  if (!std::all_of(host.value.begin(), host.value.end(), is_host_character))
    throw Error::bad_request("The Host header is malformed.");
  auto const is_chunked = coding.count == 1 && head.version() >= 11 &&
                          equals_ignoring_case(trim(coding.value), "chunked");
  if (coding.count > 0 && !is_chunked) {
    throw Error::bad_request(
        "The only Transfer-Encoding understood is chunked, once, in HTTP/1.1.");
  }
  if (length.count > 1 || !std::all_of(length.value.begin(), length.value.end(), is_digit))
    throw Error::bad_request("One Content-Length at most is expected, one whole number.");
}

/// Of a program's request; a browser sends some more.
constexpr std::size_t kUsualHeaders = 8;
/// Bytes of an answer's head; a page's is longer.
constexpr std::size_t kUsualHead = 512;

bool is_address(std::string_view text) {
  boost::system::error_code error;
  boost::asio::ip::make_address(text, error);
  return !error;
}

std::string_view reason(int status) {
  if (status == 422) return "Unprocessable Content";
  auto const known = beast::http::int_to_status(static_cast<unsigned>(status));
  auto const text = beast::http::obsolete_reason(known);
  return {text.data(), text.size()};
}

/// The Date header's value, made once a second.
std::string const& date_now() {
  static thread_local std::time_t made_at = 0;
  static thread_local std::string text;
  auto const now = std::time(nullptr);
  if (now != made_at) {
    made_at = now;
    text = format_http_date(std::chrono::system_clock::from_time_t(now));
  }
  return text;
}

}  // namespace

bool is_strict_head(std::string_view head) {
  if (head.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0; begin < head.size();) {
    if (head[begin] == ' ' || head[begin] == '\t') return false;
    // The first CR stands right before the first LF.
    auto const end = head.find('\r', begin);
    if (end == std::string_view::npos || head.find('\n', begin) != end + 1) return false;
    begin = end + 2;
  }
  return true;
}

void add_line(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

void fill_request(Request::Impl& impl, beast::http::request_header<> const& head,
                  Settings const& settings, std::string_view peer_address, bool secure) {
  check_framing(head);
  std::string_view const target(head.target().data(), head.target().size());
  if (target.size() > settings.max_target_bytes) {
    throw Error(414, "target_too_long",
                fmt::format("The URL is longer than {} bytes.", settings.max_target_bytes));
  }
  std::string_view const method(head.method_string().data(), head.method_string().size());
  impl.headers.reserve(kUsualHeaders);
  for (auto const& field : head) {
    std::string_view const name(field.name_string().data(), field.name_string().size());
    std::string_view const value(field.value().data(), field.value().size());
    // Beast keeps the fields of one name together; looking for it among all would take milliseconds
    // where the head is full of names.
    if (impl.headers.empty() || !equals_ignoring_case(impl.headers.back().first, name)) {
      impl.headers.emplace_back(name, value);
    } else {
      impl.headers.back()
          .second.append(equals_ignoring_case(name, "Cookie") ? "; " : ", ")
          .append(value);
    }
  }
  impl.settings = &settings;
  impl.secure = secure;
  impl.remote_address = peer_address;
  auto const is_id = [](auto const& pair) {
    return equals_ignoring_case(pair.first, "X-Request-Id");
  };
  auto const given = std::find_if(impl.headers.begin(), impl.headers.end(), is_id);
  impl.id = given != impl.headers.end() && is_request_id(given->second) ? given->second
                                                                        : make_request_id();
  impl.set_line(method, target_path(target, method));
}

std::string client_address(Request const& request, Settings const& settings,
                           std::string_view peer_address) {
  auto const& trusted = settings.trusted_proxies;
  auto const is_trusted = [&](std::string_view address) {
    return std::find(trusted.begin(), trusted.end(), address) != trusted.end();
  };
  if (!is_trusted(peer_address)) return std::string(peer_address);
  auto chain = request.header("X-Forwarded-For");
  while (!chain.empty()) {
    auto const comma = chain.rfind(',');
    auto const address = trim(comma == std::string_view::npos ? chain : chain.substr(comma + 1));
    if (!is_address(address)) break;
    if (!is_trusted(address)) return std::string(address);
    if (comma == std::string_view::npos) break;
    chain = chain.substr(0, comma);
  }
  return std::string(peer_address);
}

Response error_response(Error const& error, std::string_view request_id) {
  auto envelope = error.envelope();
  if (error.status() >= 500) envelope["requestId"] = request_id;
  auto response = Response::json(envelope, error.status());
  if (error.retry_after())
    response.header("Retry-After", std::to_string(error.retry_after()->count()));
  return response;
}

Response fault_response(std::string_view request_id) {
  Error const error(500, "internal", "Something went wrong while processing your request.");
  return error_response(error, request_id);
}

std::string format_http_date(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string format_head(Response const& response, unsigned version, bool keep_alive,
                        std::string_view lines, std::size_t room) {
  std::string head;
  head.reserve(kUsualHead + room);
  head.append("HTTP/1.1 ").append(std::to_string(response.status()));
  head.append(" ").append(reason(response.status())).append("\r\n");
  add_line(head, "Date", date_now());
  for (auto const& [name, value] : response.headers()) add_line(head, name, value);
  if (!keep_alive) {
    add_line(head, "Connection", "close");
  } else if (version < 11) {
    add_line(head, "Connection", "keep-alive");
  }
  head.append(lines).append("\r\n");
  return head;
}

}  // namespace minga::http
