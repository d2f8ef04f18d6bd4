#pragma once

#include <minga/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace minga::cluster {

// Parts of what other programs answer, which need not be there nor be what they should.

/// Null when the value is null, no object, or has no such member.
Json const* find(Json const* value, std::string_view name);
Json const* find(std::optional<Json> const& value, std::string_view name);

/// Empty when it is no text.
std::string text_of(Json const* value);
/// Nothing when it is no number that fits.
std::optional<std::int64_t> number_of(Json const* value);
/// False when it is no truth value.
bool truth_of(Json const* value);

}  // namespace minga::cluster
