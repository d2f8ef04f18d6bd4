#include "http/redirect.hpp"

#include "http/head.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::http {

Response redirect_to_https(Request const& request, std::uint16_t tls_port) {
  auto host = request.header("Host");
  if (!host.ends_with(']')) host = host.substr(0, std::min(host.rfind(':'), host.size()));
  if (host.empty()) {
    auto const error = Error::bad_request("A Host header is expected: it is the way to https.");
    return error_response(error, request.id());
  }
  auto const port = tls_port == 443 ? std::string() : fmt::format(":{}", tls_port);
  auto const reading = request.method() == Method::get || request.method() == Method::head;
  return Response::redirect(fmt::format("https://{}{}{}", host, port, request.target()),
                            reading ? 301 : 308);
}

}  // namespace minga::http
