/// The values of headers that are lists, ranges, tags and dates.
#include "http/accept.hpp"
#include "http/conditional.hpp"
#include "http/prefer.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view const text(reinterpret_cast<char const*>(data) + 1, size - 1);
  auto const last = minga::http::parse_preferences(text);
  for (std::size_t i = 0; i < last.size(); ++i) {
    REQUIRE(last[i].quality >= 0 && last[i].quality <= 1);
    REQUIRE(i == 0 || last[i - 1].quality >= last[i].quality);
  }
  (void)minga::http::choose_format(text);
  (void)minga::http::choose_language(text);
  (void)minga::http::choose_encoding(text);
  auto const answer = minga::http::choose_range(text, data[0]);
  REQUIRE(!answer.range ||
          (answer.range->first <= answer.range->last && answer.range->last < data[0]));
  REQUIRE(!minga::http::tag_listed(text, "\"x\"", false) ||
          minga::http::tag_listed(text, "\"x\"", true));
  for (auto const& tag : minga::http::listed_tags(text))
    REQUIRE(!tag.empty() && tag.find(',') == std::string::npos);
  (void)minga::http::parse_http_date(text);
  for (auto const* name : {"read", "count", "return", "handling"}) {
    auto const preferred = minga::http::preferred(text, name);
    REQUIRE(preferred.find_first_of(",;ABC") == std::string::npos);
  }
  return 0;
}
