#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <string>

namespace minga::http {

/// "192.0.2.1"; "" when the peer has gone already.
std::string address_of(boost::asio::ip::tcp::socket const& socket);

/// Whether the peer sends nothing more: it closed, or was reset. Does not wait nor read.
bool has_gone(boost::asio::ip::tcp::socket& socket);

}  // namespace minga::http
