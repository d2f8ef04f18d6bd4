#pragma once

#include <minga/json.hpp>

#include <string>
#include <string_view>

namespace minga {

/// A filter (API.md section 4) with values from outside put in safely: `{:name}` becomes the
/// literal of that value. Right of
/// `~` and `!~` a text stands for itself, its `%` too. std::invalid_argument for a name without a
/// value, or a value that has no literal (a list or an object).
///
///     filter("title ~ {:words} && done = {:done}", {{"words", words}, {"done", true}})
std::string filter(std::string_view expression, JsonObject const& values);

}  // namespace minga
