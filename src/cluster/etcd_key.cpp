#include "cluster/etcd_key.hpp"

#include "async/deadline.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "cluster/configuration.hpp"
#include "cluster/json_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace minga::cluster {
namespace {

constexpr std::chrono::seconds kPerEndpoint{2};
constexpr std::chrono::milliseconds kPause{200};  // from one round to the next

std::uint64_t index_of(Json const* value) {
  return static_cast<std::uint64_t>(number_of(value).value_or(0));
}

EtcdKey::Value value_of(Json const& answer) {
  auto const* node = find(&answer, "node");
  return {text_of(find(node, "value")), index_of(find(node, "modifiedIndex")),
          text_of(find(&answer, "action")) == "expire"};
}

}  // namespace

EtcdKey::EtcdKey(http::Client const& client, std::vector<HostPort> endpoints,
                 std::string const& set, std::string_view name)
    : client_(client),
      endpoints_(std::move(endpoints)),
      path_(fmt::format("/v2/keys{}{}/{}", kPatroniNamespace, percent_encode(set), name)) {}

Async<http::ClientResponse> EtcdKey::send(std::string method, std::string query,
                                          Deadline deadline) const {
  std::string failures;
  for (auto endpoint = endpoints_.begin();;) {
    auto const until = std::min(deadline, Clock::now() + kPerEndpoint);
    try {
      auto response = co_await ask(*endpoint, method, query, until);
      if (response.status < 500) co_return response;
      failures += " " + unavailable(response).message();
    } catch (Error const& error) {
      failures += " " + error.message();
    }
    if (++endpoint != endpoints_.end()) continue;
    // Without a leader etcd refuses, or waits for longer than an election takes.
    if (has_passed(deadline - kPause)) break;
    co_await sleep_for(kPause);
    endpoint = endpoints_.begin();
    failures.clear();
  }
  throw Error::unavailable(fmt::format("No member of etcd answers:{}", failures));
}

Async<http::ClientResponse> EtcdKey::ask(HostPort endpoint, std::string method, std::string query,
                                         Deadline deadline) const {
  http::ClientRequest request;
  request.method = std::move(method);
  request.host = std::move(endpoint.host);
  request.port = endpoint.port;
  request.target = path_ + query;
  co_return co_await client_.send(std::move(request), deadline);
}

/// etcd's words are {"errorCode", "message", "cause"}.
Error EtcdKey::unavailable(http::ClientResponse const& response) const {
  boost::system::error_code error;
  auto const answer = read_json(response.body, error);
  auto const cause = error ? std::string() : text_of(find(&answer, "cause"));
  return Error::unavailable(fmt::format("etcd answers {} with status {}{}{}.", path_,
                                        response.status, cause.empty() ? "" : ": ", cause));
}

Async<EtcdKey::Value> EtcdKey::get(Deadline deadline) const {
  auto const found = co_await send("GET", "?quorum=true", deadline);
  if (found.status != 200 && found.status != 404) throw unavailable(found);
  auto const answer = read_json(found.body);
  if (found.status == 200) co_return value_of(answer);
  Value absent;
  absent.index = index_of(find(&answer, "index"));
  co_return absent;
}

Async<void> EtcdKey::replace(Value value, Deadline deadline) const {
  auto query = fmt::format("?prevIndex={}&value={}", value.index, percent_encode(value.text));
  auto const put = co_await send("PUT", std::move(query), deadline);
  if (put.status == 412) throw Error::conflict(fmt::format("{} has just changed.", path_));
  if (put.status != 200) throw unavailable(put);
}

Async<EtcdKey::Value> EtcdKey::next(std::uint64_t index, Deadline deadline) const {
  auto query = fmt::format("?wait=true&waitIndex={}", index + 1);
  auto const seen = co_await ask(endpoints_.front(), "GET", std::move(query), deadline);
  if (seen.status == 400)
    throw Error::conflict(fmt::format("etcd has forgotten what came after change {}.", index));
  if (seen.status != 200 || seen.body.empty()) throw unavailable(seen);
  co_return value_of(read_json(seen.body));
}

}  // namespace minga::cluster
