#pragma once

#include <minga/json.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace minga {

/// JSON text as people expect it: 1.5, not 1.5E0 as Boost.JSON writes it. Numbers are the shortest
/// that read back equal.
std::string json_text(Json const& value);
std::string json_text(JsonObject const& value);
/// The same, behind what `out` holds.
void append_json(std::string& out, Json const& value);
/// `text`, which is UTF-8, as a JSON string.
void append_json_string(std::string& out, std::string_view text);

/// Parses JSON text as Boost.JSON does, but every real is the double nearest to its text:
/// Boost 1.81 misses that by one unit for a tenth of those with 16 digits and more. Of equal keys
/// the last counts. `error` is set when the text is malformed, not UTF-8, nested deeper than
/// `max_depth`, or holds a number past a double's range (boost::json::error::exponent_overflow).
Json read_json(std::string_view text, boost::system::error_code& error, std::size_t max_depth = 64);
/// Of text that was written by ourselves: throws boost::system::system_error where it is malformed.
Json read_json(std::string_view text);

/// Whether a string, or a key, anywhere in the value holds U+0000, which no database keeps in a
/// text.
bool holds_zero(Json const& value);

}  // namespace minga
