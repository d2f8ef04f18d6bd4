/// A line of mongoexport: what is JSON becomes JSON that can be written and read back.
#include "base/json_text.hpp"
#include "records/extended_json.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

void check(minga::Json const& plain) {
  auto const written = minga::json_text(plain);
  REQUIRE(minga::json_text(minga::read_json(written)) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  boost::system::error_code error;
  auto value = minga::read_json(text, error);
  if (error) return 0;
  check(minga::records::from_extended_json(value));
  if (value.is_object())
    check(minga::Json(minga::records::document_from_export(value.get_object())));
  return 0;
}
