#include "base/text.hpp"
#include "sql/postgres/functions.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace minga::sql::postgres {
namespace {

/// A value as text, spelled as records/filter/literals.hpp's shown() does.
constexpr char const* kShown[] = {
    R"sql(
CREATE OR REPLACE FUNCTION minga_shown(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT value')sql",
    R"sql(
CREATE OR REPLACE FUNCTION minga_shown(value bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT value::text')sql",
    R"sql(
CREATE OR REPLACE FUNCTION minga_shown(value boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT value::int::text')sql",
    R"sql(
CREATE OR REPLACE FUNCTION minga_shown(value double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN abs(value) >= 1e15 AND abs(value) < 1e16 THEN value::numeric::text
              WHEN value = 0 THEN '0' ELSE value::text END $$)sql",
    R"sql(
CREATE OR REPLACE FUNCTION minga_shown(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  number numeric;
BEGIN
  IF jsonb_typeof(value) = 'number' THEN
    number := value::numeric;
    IF scale(number) = 0 AND abs(number) < 9223372036854775808 THEN
      RETURN number::text;
    END IF;
    RETURN minga_shown(minga_near(number));
  END IF;
  RETURN value #>> '{}';
END $$)sql"};

/// The double that is nearest, where a cast would fail beyond the doubles.
constexpr char const* kNear = R"sql(
CREATE OR REPLACE FUNCTION minga_near(number numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN number > 1.7976931348623157e308 THEN 'infinity'::double precision
              WHEN number < -1.7976931348623157e308 THEN '-infinity'::double precision
              WHEN abs(number) < 4.94e-324 THEN 0::double precision
              ELSE number::double precision END $$)sql";

/// A text that is a decimal number; NULL where it is none, or beyond the doubles.
constexpr char const* kDecimal = R"sql(
CREATE OR REPLACE FUNCTION minga_decimal(value text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  number numeric;
BEGIN
  IF length(value) > 1000
     OR value !~ '^([0-9]+[.]?[0-9]*|-([0-9]+[.]?[0-9]*|[.][0-9]+))([eE][+-]?[0-9]{1,4})?$' THEN
    RETURN NULL;
  END IF;
  number := value::numeric;
  IF abs(number) > 1.7976931348623157e308 OR (number <> 0 AND abs(number) < 4.94e-324) THEN
    RETURN NULL;
  END IF;
  RETURN number;
END $$)sql";

/// Two values, by their kinds: records/filter/functions.hpp's compare().
constexpr char const* kCompared = R"sql(
CREATE OR REPLACE FUNCTION minga_compared(op text, a jsonb, b jsonb) RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  x numeric;
  y numeric;
  s text COLLATE "C";
  t text COLLATE "C";
  p double precision;
  q double precision;
  sign int;
BEGIN
  IF a IS NULL OR b IS NULL THEN
    RETURN CASE op WHEN '=' THEN (a IS NULL AND b IS NULL)::int
                   WHEN '!=' THEN (a IS NOT NULL OR b IS NOT NULL)::int ELSE 0 END;
  END IF;
  IF jsonb_typeof(a) = 'string' AND jsonb_typeof(b) = 'string' THEN
    s := a #>> '{}';
    t := b #>> '{}';
    sign := CASE WHEN s < t THEN -1 WHEN s > t THEN 1 ELSE 0 END;
  ELSE
    x := CASE WHEN jsonb_typeof(a) = 'string' THEN minga_decimal(a #>> '{}') ELSE a::numeric END;
    y := CASE WHEN jsonb_typeof(b) = 'string' THEN minga_decimal(b #>> '{}') ELSE b::numeric END;
    IF x IS NULL OR y IS NULL THEN
      RETURN (op = '!=')::int;
    END IF;
    IF x = trunc(x) AND y = trunc(y) AND abs(x) < 9223372036854775808
       AND abs(y) < 9223372036854775808 THEN
      sign := sign(x - y);
    ELSE
      p := minga_near(x);
      q := minga_near(y);
      sign := CASE WHEN p < q THEN -1 WHEN p > q THEN 1 ELSE 0 END;
    END IF;
  END IF;
  RETURN (CASE op WHEN '=' THEN sign = 0 WHEN '!=' THEN sign <> 0 WHEN '<' THEN sign < 0
                  WHEN '<=' THEN sign <= 0 WHEN '>' THEN sign > 0 ELSE sign >= 0 END)::int;
END $$)sql";

constexpr char const* kCompare = R"sql(
CREATE OR REPLACE FUNCTION minga_compare(op text, a anyelement, b anycompatible) RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT minga_compared(op, to_jsonb(a), to_jsonb(b))')sql";

constexpr char const* kLike = R"sql(
CREATE OR REPLACE FUNCTION minga_like(value anyelement, pattern text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (minga_folded(minga_shown(value)) LIKE minga_folded(pattern) ESCAPE '\')::int $$)sql";

constexpr char const* kContains = R"sql(
CREATE OR REPLACE FUNCTION minga_contains(value anyelement, part anycompatible) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (position(minga_folded(minga_shown(part)) IN minga_folded(minga_shown(value))) > 0)::int
$$)sql";

constexpr char const* kLower = R"sql(
CREATE OR REPLACE FUNCTION minga_lower(value anyelement) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT minga_lowered(minga_shown(value))')sql";

constexpr char const* kDegrees[] = {
    R"sql(
CREATE OR REPLACE FUNCTION minga_degrees(value double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT value')sql",
    R"sql(
CREATE OR REPLACE FUNCTION minga_degrees(value text) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT NULL::double precision')sql",
    R"sql(
CREATE OR REPLACE FUNCTION minga_degrees(value boolean) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT value::int::double precision')sql",
    R"sql(
CREATE OR REPLACE FUNCTION minga_degrees(value jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN jsonb_typeof(value) = 'number' THEN minga_near(value::numeric) END $$)sql"};

/// The haversine formula; kilometres.
constexpr char const* kDistance = R"sql(
CREATE OR REPLACE FUNCTION minga_geo_distance(lon_a double precision, lat_a double precision,
                                              lon_b double precision, lat_b double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT 2 * 6371 * asin(least(1, sqrt(
    power(sin((radians(lat_b) - radians(lat_a)) / 2), 2)
    + cos(radians(lat_a)) * cos(radians(lat_b)) * power(sin((radians(lon_b) - radians(lon_a)) / 2), 2))))
$$)sql";

void append_utf8(std::string& text, std::uint32_t code) {
  auto const more = [&](int shift) {
    text += static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
  };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0U | (code >> 6));
    more(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0U | (code >> 12));
    more(6);
    more(0);
  } else {
    text += static_cast<char>(0xF0U | (code >> 18));
    more(12);
    more(6);
    more(0);
  }
}

/// The characters that a mapping changes, and what it makes of them, one by one.
struct Mapped {
  std::string from, to;
};

Mapped changed_by(std::string (*mapping)(std::string_view), std::uint32_t first,
                  std::uint32_t last) {
  Mapped mapped;
  for (auto code = first; code <= last; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;  // halves of UTF-16
    std::string character;
    append_utf8(character, code);
    auto result = mapping(character);
    if (result == character) continue;
    mapped.from += character;
    mapped.to += result;
  }
  return mapped;
}

/// A mapping of characters as a function of the server's, whose own depend on its locale: what is
/// ASCII, or Latin-1 beside it, in one quick step, the rest by the whole table.
std::string mapping_function(std::string_view name, std::string (*mapping)(std::string_view)) {
  constexpr std::uint32_t kLastLatin1 = 0xFF, kLastMapped = 0x1FFFF;
  auto const latin = changed_by(mapping, 0x80, kLastLatin1);
  auto const all = changed_by(mapping, 1, kLastMapped);
  return fmt::format(R"sql(
CREATE OR REPLACE FUNCTION {}(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
  IF octet_length(value) = length(value) THEN
    RETURN lower(value COLLATE "C");
  ELSIF value COLLATE "C" !~ '[^\u0001-\u00ff]' THEN
    RETURN translate(lower(value COLLATE "C"), '{}', '{}');
  END IF;
  RETURN translate(value, '{}', '{}');
END $$)sql",
                     name, latin.from, latin.to, all.from, all.to);
}

}  // namespace

std::vector<std::string> filter_functions() {
  std::vector<std::string> statements{kNear, kDecimal};
  statements.insert(statements.end(), std::begin(kShown), std::end(kShown));
  statements.push_back(mapping_function("minga_folded", fold_case));
  statements.push_back(mapping_function("minga_lowered", lower_case));
  for (auto const* each : {kCompared, kCompare, kLike, kContains, kLower, kDistance})
    statements.emplace_back(each);
  statements.insert(statements.end(), std::begin(kDegrees), std::end(kDegrees));
  return statements;
}

}  // namespace minga::sql::postgres
