#pragma once

#include <minga/error.hpp>
#include <minga/response.hpp>

#include "http/request_impl.hpp"

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace minga::http {

/// What a well-formed message never holds, though a lenient parser may take it: folded header
/// lines, a bare CR or LF, NUL. `head` is the raw head with its final empty line.
bool is_strict_head(std::string_view head);

/// Checks what the framing depends on beyond the parser's own rules and fills the request's line,
/// headers, address and id. Throws Error 400 (Host missing or twice, a Transfer-Encoding other than
/// chunked, an impossible target) or 414.
void fill_request(Request::Impl& impl, boost::beast::http::request_header<> const& head,
                  Settings const& settings, std::string_view peer_address, bool secure);

/// The answer to an error that reached the server: the envelope, Retry-After, the request's id for
/// 5xx.
Response error_response(Error const& error, std::string_view request_id);

/// The answer to a fault: 500, with the request's id and nothing of the cause.
Response fault_response(std::string_view request_id);

/// A header's line, of a name and a value that hold no control characters.
void add_line(std::string& head, std::string_view name, std::string_view value);

/// Status line, headers, the lines given beside them, and the empty line that ends them; with room
/// for so many bytes of a body behind it.
std::string format_head(Response const& response, unsigned version, bool keep_alive,
                        std::string_view lines, std::size_t room = 0);

/// IMF-fixdate (RFC 9110 section 5.6.7).
std::string format_http_date(std::chrono::system_clock::time_point time);

/// The address of the client behind trusted proxies: the rightmost of X-Forwarded-For that is none
/// of them; the peer's where that is no IP address.
std::string client_address(Request const& request, Settings const& settings,
                           std::string_view peer_address);

}  // namespace minga::http
