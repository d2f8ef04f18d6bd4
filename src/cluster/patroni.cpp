#include "cluster/patroni.hpp"

#include "base/json_text.hpp"
#include "base/text.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace minga::cluster {

Patroni::Patroni(http::Client const& client, HostPort place)
    : client_(client), place_(std::move(place)) {}

Async<http::ClientResponse> Patroni::send(std::string method, std::string path, std::string body,
                                          Deadline deadline) const {
  http::ClientRequest request;
  request.method = std::move(method);
  request.host = place_.host;
  request.port = place_.port;
  request.target = std::move(path);
  request.body = std::move(body);
  co_return co_await client_.send(std::move(request), deadline);
}

Async<int> Patroni::check(std::string path, Deadline deadline) const {
  auto const response = co_await send("GET", std::move(path), "", deadline);
  co_return response.status;
}

Async<Json> Patroni::get(std::string path, Deadline deadline) const {
  auto const response = co_await send("GET", path, "", deadline);
  boost::system::error_code error;
  auto answer = read_json(response.body, error);
  if (response.status != 200 || error) {
    throw Error::unavailable(fmt::format("Patroni at {} answers {} with status {}.", place_.text(),
                                         path, response.status));
  }
  co_return answer;
}

Async<void> Patroni::command(std::string method, std::string path, JsonObject body,
                             Deadline deadline) const {
  auto const text = boost::json::serialize(body);
  auto const response = co_await send(std::move(method), std::move(path), text, deadline);
  if (response.status >= 300) {
    throw Error::conflict(fmt::format("Patroni at {}: {}.", place_.text(), trim(response.body)));
  }
}

Async<void> Patroni::wake(Deadline deadline) const {
  JsonObject const removes_what_is_not_there{{"nothing", nullptr}};
  co_await command("PATCH", "/config", removes_what_is_not_there, deadline);
}

Async<void> Patroni::switch_over(std::string leader, std::string candidate,
                                 Deadline deadline) const {
  JsonObject body{{"leader", leader}};
  if (!candidate.empty()) body["candidate"] = candidate;
  co_await command("POST", "/switchover", std::move(body), deadline);
}

Async<void> Patroni::reinitialize(Deadline deadline) const {
  JsonObject const body{{"force", true}};
  co_await command("POST", "/reinitialize", body, deadline);
}

}  // namespace minga::cluster
