#pragma once

#include <minga/request.hpp>
#include <minga/response.hpp>

#include <cstdint>

namespace minga::http {

/// What the plain listener answers: the same place at https, for good (301 where the request reads,
/// else 308, which keeps method and body). 400 when the request names no Host.
Response redirect_to_https(Request const& request, std::uint16_t tls_port);

}  // namespace minga::http
