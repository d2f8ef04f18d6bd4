#include "sql/dialect.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace minga::sql {
namespace {

/// http://www.isthe.com/chongo/tech/comp/fnv/: the same on every machine and in every version.
std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (char const c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

/// At most so many bytes of a UTF-8 text, no character cut in two.
std::string_view whole_characters(std::string_view text, std::size_t bytes) {
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace

std::string Dialect::quote(std::string_view identifier) const {
  if (identifier.empty() ||
      identifier.find_first_of(std::string_view("\"\0", 2)) != std::string_view::npos) {
    throw std::invalid_argument(fmt::format("'{}' cannot be an SQL identifier", identifier));
  }
  if (identifier.size() <= longest_identifier()) return fmt::format("\"{}\"", identifier);
  auto const hash = fnv1a(identifier);
  return fmt::format("\"{}~{:016x}\"", whole_characters(identifier, longest_identifier() - 17),
                     hash);
}

}  // namespace minga::sql
