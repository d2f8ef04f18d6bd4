#pragma once

#include "http/router.hpp"
#include "records/store.hpp"

#include <functional>
#include <vector>

namespace minga::api {

/// GET /api/openapi.json: OpenAPI 3.1 of what this router and the applications really serve. The
/// router must outlive its handlers; routes that are added later are described too.
void mount_openapi(http::Router& router, records::Store& store,
                   std::function<std::vector<http::RouteInfo>()> app_routes);

}  // namespace minga::api
