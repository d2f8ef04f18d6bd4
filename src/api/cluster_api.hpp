#pragma once

#include <minga/async.hpp>
#include <minga/json.hpp>

#include "http/router.hpp"

#include <functional>

namespace minga::api {

/// GET /api/cluster/status (API.md section 10): what `ask` gives. It may throw Error.
void mount_cluster(http::Router& router, std::function<Async<JsonObject>(Deadline)> ask);

}  // namespace minga::api
