#pragma once

#include <minga/json.hpp>

#include <string>

namespace minga {

/// JSON text as people expect it: 1.5, not 1.5E0 as Boost.JSON writes it. Numbers are the shortest
/// that read back equal.
std::string json_text(Json const& value);
std::string json_text(JsonObject const& value);

}  // namespace minga
