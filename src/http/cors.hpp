#pragma once

#include <minga/request.hpp>
#include <minga/response.hpp>

#include "http/settings.hpp"

namespace minga::http {

/// Adds the CORS headers of API.md section 1 when the request has an Origin that may call.
void add_cors(Settings const& settings, Request const& request, Response& response);

/// The answer to any OPTIONS request: 204 with the methods, the asked-for headers echoed.
Response answer_options(Request const& request);

}  // namespace minga::http
