#pragma once

#include "server/application.hpp"
#include "server/dispatch.hpp"

#include <memory>
#include <vector>

namespace minga::server {

/// The start page of a site with several applications: what there is, with links. The mounts must
/// outlive it.
std::unique_ptr<App::Impl> make_front(std::vector<std::unique_ptr<Mount>> const& mounts);

}  // namespace minga::server
