/// A multipart body gives the same parts, or the same refusal, however it is cut.
#include <minga/error.hpp>

#include "http/multipart.hpp"
#include "require.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using minga::http::MultipartParser;

struct Part {
  std::string name;
  std::string filename;
  std::string type;
  std::string bytes;
  bool operator==(Part const&) const = default;
};

struct Outcome {
  std::vector<Part> parts;
  bool refused = false;
};

Outcome parse(std::string_view body, std::size_t step) {
  Outcome outcome;
  MultipartParser parser("b", 50);
  try {
    for (;;) {
      auto const event = parser.next();
      if (event == MultipartParser::Event::end) return outcome;
      if (event == MultipartParser::Event::need_more) {
        if (body.empty()) parser.finish();
        auto const size = std::min(step, body.size());
        parser.push(body.substr(0, size));
        body.remove_prefix(size);
      } else if (event == MultipartParser::Event::part_begin) {
        auto const& head = parser.head();
        outcome.parts.push_back({head.name, head.filename.value_or("none"), head.content_type, {}});
      } else if (event == MultipartParser::Event::data) {
        REQUIRE(!parser.data().empty());
        outcome.parts.back().bytes += parser.data();
      }
    }
  } catch (minga::Error const& error) {
    REQUIRE(error.status() == 400);
    outcome.refused = true;
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const step = static_cast<std::size_t>(data[0] % 32) + 1;
  auto const body = text.substr(1);
  (void)minga::http::multipart_boundary(text);
  auto const whole = parse(body, body.size() + 1);
  auto const cut = parse(body, step);
  REQUIRE(whole.refused == cut.refused);
  REQUIRE(whole.refused || whole.parts == cut.parts);
  return 0;
}
