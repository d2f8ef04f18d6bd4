/// Query strings and forms: 400, or texts that are UTF-8 without U+0000 and JSON that reads back.
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
    minga::http::FormFields form(64);
    for (auto const& [name, value] : minga::http::parse_urlencoded(text)) {
      for (std::string_view const each : {std::string_view(name), std::string_view(value)})
        REQUIRE(minga::is_valid_utf8(each) && each.find('\0') == std::string_view::npos);
      form.add(name, value);
    }
    auto const written = minga::json_text(minga::Json(form.take()));
    REQUIRE(minga::json_text(minga::read_json(written)) == written);
  } catch (minga::Error const& error) {
    REQUIRE(error.status() == 400);
  }
  return 0;
}
