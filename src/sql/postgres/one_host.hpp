#pragma once

#include "async/deadline.hpp"
#include "sql/postgres/connection.hpp"
#include "sql/postgres/settings.hpp"

#include <cstddef>
#include <optional>
#include <variant>

namespace minga::sql::postgres {

/// Why no connection came to be. `refused`: a server has answered and will not have us, so that to
/// wait would change nothing.
struct NoConnection {
  Error error;
  bool is_refused = false;
  bool has_answered = false;  // a server was there

  /// It is not what is looked for, and may be the next time.
  bool may_come() const { return has_answered && !is_refused; }
};

using Attempt = std::variant<Handle, NoConnection>;

/// Of several that failed the first that was answered, or else the first; refused where none may
/// come.
void add(std::optional<NoConnection>& all, NoConnection one);

/// Tries the addresses of one of the settings' hosts, each for `settings.connect_timeout()`. Blocks
/// nothing: names are resolved by Asio. The handle is in pipeline mode.
Async<Attempt> connect_to_host(Settings const& settings, Access access, std::size_t at);

}  // namespace minga::sql::postgres
