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

/// The record that a create leads to: every field of the collection, id, generated texts and
/// autodates filled in, modifiers applied to zero values, undeclared keys kept where the collection
/// is open. Throws Error 400 with all that is wrong.
JsonObject draft_create(Layout const& layout, JsonObject const& input, Context const& context);

/// How often a record is drafted before what its generated texts meet is an error.
inline constexpr int kDrafts = 5;

/// Whether one of the fields, whose values are taken, holds what draft_create() made up, so that
/// another draft of the same input may find a free one.
bool may_draft_anew(Layout const& layout, JsonObject const& input, Context const& context,
                    std::vector<std::string> const& taken);

/// The record that `changes` lead to from what is stored; only keys that were sent change.
JsonObject draft_update(Layout const& layout, JsonObject const& stored, JsonObject const& changes,
                        Context const& context);

/// As draft_update(), but what was not sent goes back to its zero value.
JsonObject draft_replace(Layout const& layout, JsonObject const& stored, JsonObject const& input,
                         Context const& context);

/// JSON Merge Patch (RFC 7396) over the whole document.
JsonObject draft_merge(Layout const& layout, JsonObject const& stored, JsonObject const& patch,
                       Context const& context);

}  // namespace minga::records
