#pragma once

#include <minga/json.hpp>

#include "records/context.hpp"
#include "records/layout.hpp"
#include "records/values.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

inline constexpr std::string_view kCreateFailed = "Failed to create record.";
inline constexpr std::string_view kUpdateFailed = "Failed to update record.";

/// A record's next state, and what is wrong with it; a field that could not be read is as before.
struct Drafted {
  JsonObject record;
  FieldErrors errors;
};

/// The record that a create leads to: every field of the collection, id, generated texts and
/// autodates filled in, modifiers applied to zero values, undeclared keys kept where the collection
/// is open.
Drafted draft_create(Layout const& layout, JsonObject const& input, Context const& context);

/// How often a record is drafted before what its generated texts meet is an error.
inline constexpr int kDrafts = 5;

/// The fields for which draft_create() makes up texts: another draft of the same input has others.
std::vector<std::string> made_up_fields(Layout const& layout, JsonObject const& input,
                                        Context const& context);

/// The record that `changes` lead to from what is stored; only keys that were sent change.
Drafted draft_update(Layout const& layout, JsonObject const& stored, JsonObject const& changes,
                     Context const& context);

/// As draft_update(), but what was not sent goes back to its zero value.
Drafted draft_replace(Layout const& layout, JsonObject const& stored, JsonObject const& input,
                      Context const& context);

/// JSON Merge Patch (RFC 7396) over the whole document.
Drafted draft_merge(Layout const& layout, JsonObject const& stored, JsonObject const& patch,
                    Context const& context);

}  // namespace minga::records
