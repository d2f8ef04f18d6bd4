/// What a Minga-Position, a Last-Event-ID or `since` names is refused, or the same place again in
/// the words of an answer.
#include "records/position.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using minga::records::Position;
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const position = Position::parse(text);
  if (!position) return 0;
  auto const& place = position->place;
  REQUIRE(!position->epoch.empty());
  REQUIRE(place.transaction >= 0 && place.number >= 0 && place.own >= 0);
  auto const again = Position::parse(position->text());
  REQUIRE(again && again->epoch == position->epoch && again->place == place);
  REQUIRE(again->place.own == place.own);
  return 0;
}
