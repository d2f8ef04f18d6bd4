#pragma once

#include <minga/json.hpp>

namespace minga {

/// JSON Merge Patch (RFC 7396): what the patch names becomes as it has it, null removes it.
void merge_patch(Json& target, Json const& patch);

}  // namespace minga
