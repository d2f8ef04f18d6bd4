#pragma once

#include <minga/json.hpp>

namespace minga::records {

/// MongoDB's Extended JSON (v2 canonical and relaxed, and the legacy forms that old exports have)
/// as plain JSON:
///   {"$oid": hex}                          the hex text
///   {"$date": text | {"$numberLong": ms} | ms}   `2022-01-01 10:00:00.123Z`, as this API writes
///   times
///   {"$numberInt"}, {"$numberLong"}        an integer, exact to 64 bits
///   {"$numberDouble"}                      a number; NaN and the infinities as their text
///   {"$numberDecimal"}                     its text, for a double would round it
///   {"$binary": {"base64"}} (and legacy), {"$uuid"}   their text
///   {"$timestamp": {"t", "i"}}             the time of t (seconds)
///   {"$regularExpression"}, {"$regex"}     /pattern/options
///   {"$symbol"}, {"$code"}                 their text
///   {"$undefined"}, {"$minKey"}, {"$maxKey"}  null
/// Any other object stays as it is, converted inside. A form with a malformed value stays as it is,
/// too: nothing is lost.
Json from_extended_json(Json value);

/// A document of mongoexport as a record's input: Extended JSON is converted, and `_id` becomes
/// `id` where it has an id's form ([a-z0-9]{15}); else it stays as the undeclared field `_id`, and
/// the record gets an id of its own.
JsonObject document_from_export(JsonObject document);

}  // namespace minga::records
