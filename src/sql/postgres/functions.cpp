#include "sql/postgres/functions.hpp"

namespace minga::sql::postgres {
namespace {

/// A value inside a JSON document as SQLite's json_extract gives it: text and numbers, 1 and 0 for
/// true and false, lists and objects as their text.
constexpr char const* kJsonValue = R"sql(
CREATE OR REPLACE FUNCTION minga_json_value(document text, path text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  found json := document::json #> path;
  kind text := json_typeof(found);
BEGIN
  IF kind IN ('string', 'number') THEN
    RETURN found::jsonb;
  ELSIF kind = 'boolean' THEN
    RETURN CASE found::text WHEN 'true' THEN '1'::jsonb ELSE '0'::jsonb END;
  ELSIF kind = 'null' THEN
    RETURN NULL;
  END IF;
  RETURN to_jsonb(found::text);
END $$)sql";

/// A text that compares, byte by byte, as SQLite orders values: null, numbers, texts. A number is
/// its double, bits arranged so that they ascend, and what an integer beyond 2^53 differs from it.
constexpr char const* kSortKey = R"sql(
CREATE OR REPLACE FUNCTION minga_sort_key(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  number numeric;
  near double precision;
  bits bigint;
  rest numeric := 0;
BEGIN
  IF value IS NULL THEN
    RETURN '';
  ELSIF jsonb_typeof(value) = 'string' THEN
    RETURN 't' || (value #>> '{}');
  END IF;
  number := value::numeric;
  near := CASE WHEN number > 1.7e308 THEN 'infinity'
               WHEN number < -1.7e308 THEN '-infinity'
               WHEN abs(number) < 2.3e-308 THEN 0
               ELSE number END;
  IF abs(number) < 9223372036854774784 THEN
    rest := trunc(number - near::bigint);
  END IF;
  bits := ('x' || encode(float8send(near), 'hex'))::bit(64)::bigint;
  bits := CASE WHEN bits < 0 THEN ~bits ELSE bits | (-9223372036854775808) END;
  RETURN 'n' || lpad(to_hex(bits), 16, '0') || (5000 + rest)::text;
END $$)sql";

/// SQLite's date and time functions: src/date.c of 3.40, with the names used there. A moment is a
/// Julian day in milliseconds. Modifiers are those of docs/http-api.md. Where SQLite repeats a day
/// that no month has (02-31, 24:00) as it was written, this names the day that it is.
constexpr char const* kJulian = R"sql(
CREATE OR REPLACE FUNCTION minga_julian(y bigint, m bigint, d bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  a bigint;
BEGIN
  IF y < -4713 OR y > 9999 THEN
    RETURN NULL;
  END IF;
  IF m <= 2 THEN
    y := y - 1;
    m := m + 12;
  END IF;
  a := y / 100;
  RETURN (36525 * (y + 4716) / 100 + 306001 * (m + 1) / 10000 + d + 2 - a + a / 4) * 86400000
         - 131716800000;
END $$)sql";

constexpr char const* kCalendar = R"sql(
CREATE OR REPLACE FUNCTION minga_calendar(moment bigint, OUT y bigint, OUT m bigint, OUT d bigint)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  z bigint := (moment + 43200000) / 86400000;
  a bigint := trunc((z - 1867216.25) / 36524.25);
  b bigint;
  c bigint;
  e bigint;
BEGIN
  a := z + 1 + a - a / 4;
  b := a + 1524;
  c := trunc((b - 122.1) / 365.25);
  d := 36525 * (c & 32767) / 100;
  e := trunc((b - d) / 30.6001);
  d := b - d - trunc(30.6001 * e)::bigint;
  m := CASE WHEN e < 14 THEN e - 1 ELSE e - 13 END;
  y := CASE WHEN m > 2 THEN c - 4716 ELSE c - 4715 END;
END $$)sql";

/// A text as SQLite reads it, or null. A number alone is a Julian day.
constexpr char const* kMoment = R"sql(
CREATE OR REPLACE FUNCTION minga_moment(value text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT AS $$
DECLARE
  part text[];
  moment bigint;
  zone bigint := 0;
BEGIN
  IF lower(value) = 'now' THEN
    RETURN (extract(epoch FROM now()) * 1000)::bigint + 210866760000000;
  END IF;
  part := regexp_match(value, '^[ \t\n\v\f\r]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?[ \t\n\v\f\r]*$');
  IF part IS NOT NULL THEN
    IF value::numeric < 0 OR value::numeric >= 5373484.5 THEN
      RETURN NULL;
    END IF;
    RETURN trunc(value::numeric * 86400000 + 0.5);
  END IF;
  part := regexp_match(value,
    '^(?:(-?[0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ \t\n\v\f\rT]*))?'
    '(?:([0-9]{2}):([0-9]{2})(?::([0-9]{2}(?:[.][0-9]+)?))?'
    '[ \t\n\v\f\r]*(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?[ \t\n\v\f\r]*)?$');
  IF part IS NULL OR value = '' THEN
    RETURN NULL;
  END IF;
  IF part[2]::int NOT BETWEEN 1 AND 12 OR part[3]::int NOT BETWEEN 1 AND 31 OR part[4]::int > 24
     OR part[5]::int > 59 OR part[6]::numeric >= 60 OR part[8]::int > 14 OR part[9]::int > 59 THEN
    RETURN NULL;
  END IF;
  IF part[7] IS NOT NULL THEN
    zone := (part[8]::int * 60 + part[9]::int) * CASE part[7] WHEN '-' THEN -1 ELSE 1 END;
  END IF;
  moment := minga_julian(COALESCE(part[1]::int, 2000), COALESCE(part[2]::int, 1), COALESCE(part[3]::int, 1));
  RETURN moment + COALESCE(part[4]::int, 0) * 3600000 + COALESCE(part[5]::int, 0) * 60000
         + trunc(COALESCE(part[6]::numeric, 0) * 1000 + 0.5)::bigint - zone * 60000;
END $$)sql";

constexpr char const* kModified = R"sql(
CREATE OR REPLACE FUNCTION minga_modified(moment bigint, modifier text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  part text[];
  amount numeric;
  whole bigint;
  years bigint;
  day record;
  clock bigint := (moment + 43200000) % 86400000;
BEGIN
  modifier := lower(modifier);
  IF modifier = 'start of day' THEN
    RETURN moment - clock;
  ELSIF modifier IN ('start of month', 'start of year') THEN
    day := minga_calendar(moment);
    RETURN minga_julian(day.y, CASE modifier WHEN 'start of year' THEN 1 ELSE day.m END, 1);
  ELSIF modifier ~ '^weekday [0-6]$' THEN
    whole := (moment + 129600000) / 86400000 % 7;
    amount := right(modifier, 1)::bigint;
    RETURN moment + ((amount - CASE WHEN whole > amount THEN whole - 7 ELSE whole END) * 86400000)::bigint;
  END IF;
  part := regexp_match(modifier,
    '^([+-]?[0-9]+(?:[.][0-9]+)?) (day|hour|minute|second|month|year)s?$');
  IF part IS NULL THEN
    RETURN NULL;
  END IF;
  amount := part[1]::numeric;
  IF abs(amount) >= (CASE part[2] WHEN 'second' THEN 464269060800 WHEN 'minute' THEN 7737817680
                     WHEN 'hour' THEN 128963629 WHEN 'day' THEN 5373485 WHEN 'month' THEN 176546
                     ELSE 14713 END) THEN
    RETURN NULL;
  END IF;
  IF part[2] IN ('month', 'year') THEN
    whole := trunc(amount);
    day := minga_calendar(moment);
    IF part[2] = 'month' THEN
      day.m := day.m + whole;
      years := CASE WHEN day.m > 0 THEN (day.m - 1) / 12 ELSE (day.m - 12) / 12 END;
      day.y := day.y + years;
      day.m := day.m - years * 12;
    ELSE
      day.y := day.y + whole;
    END IF;
    moment := minga_julian(day.y, day.m, day.d) + clock;
    amount := amount - whole;
  END IF;
  RETURN moment + trunc(amount * 1000 * CASE part[2]
      WHEN 'second' THEN 1 WHEN 'minute' THEN 60 WHEN 'hour' THEN 3600 WHEN 'day' THEN 86400
      WHEN 'month' THEN 2592000 ELSE 31536000 END + sign(part[1]::numeric) * 0.5)::bigint;
END $$)sql";

constexpr char const* kFormatted = R"sql(
CREATE OR REPLACE FUNCTION minga_formatted(format text, moment bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  day record := minga_calendar(moment);
  clock bigint := (moment + 43200000) % 86400000;
  days bigint := (moment + 43200000) / 86400000;
  new_year bigint := (minga_julian(day.y, 1, 1) + 43200000) / 86400000;
  result text := '';
  letter text;
  at int := 1;
BEGIN
  WHILE at <= length(format) LOOP
    letter := substr(format, at, 1);
    IF letter <> '%' THEN
      result := result || letter;
      at := at + 1;
      CONTINUE;
    END IF;
    letter := substr(format, at + 1, 1);
    at := at + 2;
    result := result || CASE letter
      WHEN 'Y' THEN CASE WHEN day.y < 0 THEN '-' || lpad((-day.y)::text, greatest(3, length((-day.y)::text)), '0')
                    ELSE lpad(day.y::text, 4, '0') END
      WHEN 'm' THEN lpad(day.m::text, 2, '0')
      WHEN 'd' THEN lpad(day.d::text, 2, '0')
      WHEN 'H' THEN lpad((clock / 3600000)::text, 2, '0')
      WHEN 'M' THEN lpad((clock / 60000 % 60)::text, 2, '0')
      WHEN 'S' THEN lpad((clock / 1000 % 60)::text, 2, '0')
      WHEN 'f' THEN lpad((clock / 1000 % 60)::text, 2, '0') || '.' || lpad((clock % 1000)::text, 3, '0')
      WHEN 'j' THEN lpad((days - new_year + 1)::text, 3, '0')
      WHEN 'w' THEN ((days + 1) % 7)::text
      WHEN 'W' THEN lpad(((days - new_year + 7 - days % 7) / 7)::text, 2, '0')
      WHEN 's' THEN (moment / 1000 - 210866760000)::text
      WHEN '%' THEN '%'
    END;
  END LOOP;
  RETURN result;
END $$)sql";

/// `value` as text; a number among the others is a Julian day, or seconds with 'unixepoch'.
constexpr char const* kStrftime = R"sql(
CREATE OR REPLACE FUNCTION minga_strftime(format text, value text, VARIADIC modifiers text[] DEFAULT '{}')
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  moment bigint;
  modifier text;
BEGIN
  IF lower(modifiers[1]) = 'unixepoch' THEN
    IF value !~ '^[ \t\n\v\f\r]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?[ \t\n\v\f\r]*$'
       OR value::numeric < -210866760000 OR value::numeric >= 253402300800 THEN
      RETURN NULL;
    END IF;
    moment := trunc(value::numeric * 1000 + 210866760000000 + 0.5);
    modifiers := modifiers[2:];
  ELSE
    moment := minga_moment(value);
  END IF;
  FOREACH modifier IN ARRAY modifiers LOOP
    moment := minga_modified(moment, modifier);
    IF moment < 0 OR moment > 464269060799999 THEN
      RETURN NULL;
    END IF;
  END LOOP;
  IF moment < 0 OR moment > 464269060799999 THEN
    RETURN NULL;
  END IF;
  RETURN minga_formatted(format, moment);
END $$)sql";

constexpr char const* kStrftimeNumber = R"sql(
CREATE OR REPLACE FUNCTION minga_strftime(format text, value double precision, VARIADIC modifiers text[] DEFAULT '{}')
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN minga_strftime(format, value::text, VARIADIC modifiers);
END $$)sql";

constexpr char const* kStrftimeJson = R"sql(
CREATE OR REPLACE FUNCTION minga_strftime(format text, value jsonb, VARIADIC modifiers text[] DEFAULT '{}')
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN minga_strftime(format, value #>> '{}', VARIADIC modifiers);
END $$)sql";

}  // namespace

std::vector<std::string> functions() {
  return {kJsonValue, kSortKey,   kJulian,   kCalendar,       kMoment,
          kModified,  kFormatted, kStrftime, kStrftimeNumber, kStrftimeJson};
}

}  // namespace minga::sql::postgres
