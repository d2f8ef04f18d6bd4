#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace minga::records {

/// Where a change stands in the log: changes compare by it in the order in which they are
/// published. Where one transaction follows the other, theirs is 0 and the numbers tell all.
struct Place {
  std::int64_t transaction = 0;
  std::int64_t number = 0;
  /// Of a write whose own change could not be published yet: its transaction. Its place lies before
  /// it; who reads after it must not. No part of the order.
  std::int64_t own = 0;
  /// Of the primary that gave these numbers; 0 or 1: no other has. No part of the order.
  std::int64_t timeline = 0;

  /// "NUMBER", "TRANSACTION.NUMBER", "TRANSACTION.NUMBER.OWN" or
  /// "TRANSACTION.NUMBER.OWN.TIMELINE".
  std::string text() const;
  /// Nothing when it is malformed.
  static std::optional<Place> parse(std::string_view text);

  friend bool operator==(Place const& a, Place const& b) { return (a <=> b) == 0; }
  friend std::strong_ordering operator<=>(Place const& a, Place const& b) {
    auto const order = a.transaction <=> b.transaction;
    return order != 0 ? order : a.number <=> b.number;
  }
};

/// A position in the change log: "EPOCH-PLACE". Positions of one epoch compare by their places.
struct Position {
  std::string epoch;
  Place place;

  std::string text() const;
  /// Nothing when it is malformed.
  static std::optional<Position> parse(std::string_view text);
};

}  // namespace minga::records
