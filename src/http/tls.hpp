#pragma once

#include "http/settings.hpp"

#include <boost/asio/ssl/context.hpp>

#include <memory>

namespace minga::http {

/// TLS 1.2 and newer with the settings' certificate chain and key, ALPN http/1.1; null when none
/// are set. Throws std::runtime_error that names the file and what is wrong with it.
std::unique_ptr<boost::asio::ssl::context> make_tls_context(Settings const& settings);

}  // namespace minga::http
