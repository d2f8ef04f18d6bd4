#include "cluster/sync_key.hpp"

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "cluster/configuration.hpp"
#include "cluster/json_parts.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace minga::cluster {
namespace {

constexpr std::string_view kNobody = "patroni-was-started-anew";

}  // namespace

SyncKey::SyncKey(http::Client const& client, HostPort etcd, std::string const& set)
    : client_(client),
      etcd_(std::move(etcd)),
      path_(fmt::format("/v2/keys{}{}/sync", kPatroniNamespace, percent_encode(set))) {}

Async<http::ClientResponse> SyncKey::send(std::string method, std::string query,
                                          Deadline deadline) const {
  http::ClientRequest request;
  request.method = std::move(method);
  request.host = etcd_.host;
  request.port = etcd_.port;
  request.target = path_ + query;
  co_return co_await client_.send(std::move(request), deadline);
}

Async<void> SyncKey::have_chosen_anew(std::string const& primary, Deadline deadline) const {
  auto const found = co_await send("GET", "?quorum=true", deadline);
  if (found.status == 404) co_return;  // no primary has chosen any yet
  if (found.status != 200)
    throw Error::unavailable(fmt::format("etcd answers {} with status {}.", path_, found.status));
  auto const answer = read_json(found.body);
  auto const* node = find(&answer, "node");
  auto const* index = find(node, "modifiedIndex");
  auto const text = text_of(find(node, "value"));
  if (index == nullptr || text.empty()) co_return;
  auto value = read_json(text);
  auto const standbys = text_of(find(&value, "sync_standby"));
  if (text_of(find(&value, "leader")) != primary || standbys.empty()) co_return;
  if (standbys.find(kNobody) != std::string::npos) co_return;
  value.as_object()["sync_standby"] = fmt::format("{},{}", standbys, kNobody);
  auto query = fmt::format("?prevIndex={}&value={}", boost::json::serialize(*index),
                           percent_encode(boost::json::serialize(value)));
  auto const put = co_await send("PUT", std::move(query), deadline);
  if (put.status == 412) throw Error::conflict("Patroni has just changed who is synchronous.");
  if (put.status != 200)
    throw Error::unavailable(fmt::format("etcd answers {} with status {}.", path_, put.status));
}

}  // namespace minga::cluster
