#pragma once

#include <minga/request.hpp>
#include <minga/response.hpp>

#include "http/settings.hpp"

namespace minga::http {

/// Adds to a head the lines of the CORS headers of API.md section 1.
void add_cors(Settings const& settings, Request const& request, std::string& head);

/// The answer to any OPTIONS request: 204 with the methods, the asked-for headers echoed.
Response answer_options(Request const& request);

}  // namespace minga::http
