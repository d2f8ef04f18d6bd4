#include "cluster/attempt.hpp"

#include <minga/error.hpp>

#include "base/logging.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <exception>
#include <utility>

namespace minga::cluster {

Async<void> attempt(std::string what, Async<void> work) {
  try {
    co_await std::move(work);
  } catch (Error const& error) {
    log::debug(fmt::format("{}: {}", what, error.message()));
  } catch (boost::system::system_error const& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;
    log::error(fmt::format("{}: {}", what, error.what()));
  } catch (std::exception const& error) {
    log::error(fmt::format("{}: {}", what, error.what()));
  }
}

}  // namespace minga::cluster
