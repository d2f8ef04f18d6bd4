#pragma once

#include <minga/request.hpp>

#include <string_view>

namespace minga::http {

/// Of the body, without parameters: "application/json"; "" when the request names none.
std::string_view media_type(Request const& request);

/// What browsers' forms send: urlencoded or multipart.
bool is_form(std::string_view media_type);

}  // namespace minga::http
