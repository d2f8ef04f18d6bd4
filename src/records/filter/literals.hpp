#pragma once

#include "records/filter/term.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace minga::records::filter {

/// A macro's value at an instant (24-character time text), without its "@"; nothing for another
/// name.
std::optional<sql::Value> macro(std::string_view name, std::string_view now);

/// A text that is compared with a time: another way to write one is converted, a beginning of the
/// 24 characters stays.
std::string date_literal(std::string_view text);

/// The number that a text is as a decimal; nothing when it is none.
std::optional<sql::Value> decimal(std::string_view text);

/// The shortest decimal text: 5, 1.5; true 1, false 0; a text as it is.
std::string shown(sql::Value const& value);

}  // namespace minga::records::filter
