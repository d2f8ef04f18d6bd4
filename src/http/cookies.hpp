#pragma once

#include <minga/response.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minga::http {

/// The pairs of a Cookie header (RFC 6265 section 5.4, read leniently): values as they stand, one
/// pair of surrounding quotes taken off.
std::vector<std::pair<std::string, std::string>> parse_cookies(std::string_view header);

/// A Set-Cookie value. Throws std::invalid_argument for a name, value or path that RFC 6265 does
/// not allow.
std::string format_cookie(Cookie const& cookie);

}  // namespace minga::http
