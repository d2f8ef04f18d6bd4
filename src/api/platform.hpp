#pragma once

#include "base/metrics.hpp"
#include "http/router.hpp"
#include "live/hub.hpp"
#include "records/store.hpp"

#include <functional>
#include <vector>

namespace minga::api {

/// The platform's own routes: records, events, health, metrics, the API's description. `app_routes`
/// gives the routes of the mounted applications with their prefixes; it is called for each
/// description.
void mount_platform(http::Router& router, records::Store& store, live::Hub& hub, Metrics& metrics,
                    std::function<bool()> draining,
                    std::function<std::vector<http::RouteInfo>()> app_routes);

}  // namespace minga::api
