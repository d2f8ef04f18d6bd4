#pragma once

#include <minga/async.hpp>

#include "sql/postgres/settings.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace minga::sql::postgres {

/// What is announced goes through it, as "IDENTITY TOPIC".
inline constexpr std::string_view kChannel = "minga";

/// Database::listen(): holds a connection of its own to the primary, and finds the next one when it
/// is lost. What `identity` announced is passed over.
Async<void> listen(Settings const& settings, std::string identity,
                   std::function<void(std::string_view topic)> heard);

}  // namespace minga::sql::postgres
