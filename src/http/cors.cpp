#include "http/cors.hpp"

#include "http/head.hpp"

#include <algorithm>

namespace minga::http {
namespace {

constexpr char const* kExposed =
    "X-Request-Id, Retry-After, ETag, Location, Minga-Position, Idempotent-Replayed, "
    "X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset";
constexpr char const* kMethods = "GET,HEAD,PUT,PATCH,POST,DELETE";

}  // namespace

void add_cors(Settings const& settings, Request const& request, std::string& head) {
  auto const& origins = settings.cors_origins;
  if (origins.empty()) return;
  // Also where no Origin is named: a cache may give this answer to one who names it.
  auto const all = std::find(origins.begin(), origins.end(), "*") != origins.end();
  if (all) add_line(head, "Access-Control-Allow-Origin", "*");
  if (!all) add_line(head, "Vary", "Origin");
  if (!request.has_header("Origin")) return;
  if (!all) {
    auto const origin = request.header("Origin");
    if (std::find(origins.begin(), origins.end(), origin) == origins.end()) return;
    add_line(head, "Access-Control-Allow-Origin", origin);
  }
  add_line(head, "Access-Control-Expose-Headers", kExposed);
}

Response answer_options(Request const& request) {
  Response response(204);
  response.header("Access-Control-Allow-Methods", kMethods);
  auto const asked = request.header("Access-Control-Request-Headers");
  if (!asked.empty()) response.header("Access-Control-Allow-Headers", std::string(asked));
  response.header("Access-Control-Max-Age", "7200");
  response.header("Allow", "GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS");
  return response;
}

}  // namespace minga::http
