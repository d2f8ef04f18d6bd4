#pragma once

#include <minga/request.hpp>

#include "records/context.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minga::api {

/// Whether rules of collections apply: to callers of the HTTP API, not to the application itself,
/// which acts with its own authority.
enum class Rules { apply, bypassed };

/// The conditions under which a request uses records: its deadline, If-Match, Idempotency-Key,
/// Prefer, Minga-Position. All writes of one request share one Idempotency; the reads of a GET or
/// HEAD request share one ReplicaReads. Throws Error 400 for a malformed Idempotency-Key or
/// Minga-Position. Reads the body when there is a key: its hash tells the same request from
/// another one.
Async<records::Context> make_context(Request& request, Rules rules = Rules::apply);

/// What the answer says of the writes: Minga-Position, Idempotent-Replayed.
void mark_answer(Request& request, records::Context const& context);

/// What it says of the reads: Preference-Applied, where a standby was asked for and answered.
void mark_reads(Request& request, records::Context const& context);
/// Adds to the answer's Preference-Applied (RFC 7240 section 3).
void mark_preference(Request& request, std::string_view applied);

/// The tags of an If-Match header without quotes; "*" stays. Nothing when there is no such header.
std::optional<std::vector<std::string>> if_match_tags(Request const& request);

/// Whether `Prefer` (RFC 7240) names this preference: preference(request, "return") of
/// "return=minimal" is "minimal".
std::string preference(Request const& request, std::string_view name);

/// A whole number of the query; the fallback where it is absent or empty. Error 400 when it is
/// none.
std::int64_t whole_number(Request const& request, std::string_view name, std::int64_t fallback);

/// `1 t true` and `0 f false` of the query in any case, false where it is absent. Error 400 for
/// anything else.
bool truth(Request const& request, std::string_view name);

}  // namespace minga::api
