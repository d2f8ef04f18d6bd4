#pragma once

#include <string>
#include <string_view>

namespace minga::http {

/// What a `Prefer` header (RFC 7240) gives for a name, in lower case: "minimal" of
/// "return=minimal" for "return". The first entry of the name counts; empty where there is none.
std::string preferred(std::string_view prefer, std::string_view name);

}  // namespace minga::http
