/// Whatever a Cookie header holds is read; what may be written as a cookie is read back.
#include "http/cookies.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  for (auto const& [name, value] : minga::http::parse_cookies(text)) {
    REQUIRE(name.find(';') == std::string::npos && value.find(';') == std::string::npos);
    minga::Cookie cookie;
    cookie.name = name;
    cookie.value = value;
    std::string written;
    try {
      written = minga::http::format_cookie(cookie);
    } catch (std::invalid_argument const&) {
      continue;
    }
    REQUIRE(written.find_first_of("\r\n") == std::string::npos);
    auto const pair = written.substr(0, written.find(';'));
    auto const read = minga::http::parse_cookies(pair);
    REQUIRE(read.size() == 1 && read[0].first == name && read[0].second == value);
  }
  return 0;
}
