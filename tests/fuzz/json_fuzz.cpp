/// JSON from outside: 400, or a value whose text reads back as the same.
#include <minga/error.hpp>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "http/forms.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  try {
    auto const value = minga::http::parse_json(text, 64);
    auto const written = minga::json_text(value);
    REQUIRE(minga::is_valid_utf8(written));
    REQUIRE(minga::json_text(minga::read_json(written)) == written);
  } catch (minga::Error const& error) {
    REQUIRE(error.status() == 400);
  }
  return 0;
}
