#pragma once

#include <minga/json.hpp>
#include <minga/page.hpp>
#include <minga/request.hpp>

namespace minga {

/// What the partial `{{>paging}}` shows below a list: `first`, `last` and `total` (numbers of
/// records) and the addresses of the `previous` and `next` page: this request's own, with another
/// `page`. Empty, which shows nothing, when all records are on this page.
JsonObject paging(Request const& request, Page const& page);

}  // namespace minga
