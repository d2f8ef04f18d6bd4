#pragma once

#include <minga/json.hpp>
#include <minga/page.hpp>
#include <minga/request.hpp>

namespace minga {

/// What the partial `{{>paging}}` shows below a list: `first`, `last` and `total` (numbers of
/// records) and the addresses of the `previous` and `next` page: this request's own, with another
/// `page`. Behind the last page, which a list that became shorter leaves one on, `past` is true and
/// the previous page is the last. Empty, which shows nothing, when all records are on this page.
JsonObject paging(Request const& request, Page const& page);

}  // namespace minga
