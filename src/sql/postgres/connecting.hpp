#pragma once

#include "async/deadline.hpp"
#include "sql/postgres/connection.hpp"
#include "sql/postgres/settings.hpp"

#include <cstddef>
#include <variant>
#include <vector>

namespace minga::sql::postgres {

/// Why no connection came to be. `refused`: a server has answered and will not have us, so that to
/// wait would change nothing.
struct NoConnection {
  Error error;
  bool is_refused = false;
  bool has_answered = false;  // a server was there
};

using Attempt = std::variant<Handle, NoConnection>;

/// Tries the hosts in that order until one is what `access` needs: a primary, which then stands
/// first; a host that says nothing goes to the end. Blocks nothing: names are resolved by Asio, and
/// every host has `settings.connect_timeout()`. The handle is in pipeline mode.
Async<Attempt> connect(Settings const& settings, Access access, std::vector<std::size_t>& order);

}  // namespace minga::sql::postgres
