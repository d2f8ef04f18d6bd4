#pragma once

#include <minga/async.hpp>

#include <string>

namespace minga::cluster {

/// Awaits what is done again soon. What goes wrong with it is logged behind `what` and a colon: an
/// Error, such as that somebody does not answer, for debugging alone. A cancellation passes.
Async<void> attempt(std::string what, Async<void> work);

}  // namespace minga::cluster
