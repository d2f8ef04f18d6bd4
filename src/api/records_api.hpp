#pragma once

#include "http/router.hpp"
#include "records/store.hpp"

namespace minga::api {

/// /api/collections/{c}/records (API.md section 3).
void mount_records(http::Router& router, records::Store& store);

}  // namespace minga::api
