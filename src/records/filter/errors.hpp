#pragma once

#include <minga/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace minga::records::filter {

/// Error 400 "Invalid filter." that says what is wrong at which byte of the text.
Error invalid_filter(std::string_view what, std::size_t position);

/// Error 400 for a sort key.
Error invalid_sort(std::string_view what);

}  // namespace minga::records::filter
