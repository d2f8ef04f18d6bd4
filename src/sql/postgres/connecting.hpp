#pragma once

#include "sql/postgres/one_host.hpp"

#include <cstddef>
#include <vector>

namespace minga::sql::postgres {

/// Tries the hosts in that order until one is what `access` needs: a primary, which then stands
/// first; a host that says nothing goes to the end. One that lets others wait for its answer is
/// waited for beside them, and those that have answered otherwise are asked again meanwhile: while
/// a primary that was lost is still waited for, one of them becomes the next.
Async<Attempt> connect(Settings const& settings, Access access, std::vector<std::size_t>& order);

}  // namespace minga::sql::postgres
