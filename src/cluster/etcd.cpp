#include "cluster/etcd.hpp"

#include "async/deadline.hpp"
#include "base/json_text.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kPerEndpoint = 2s;

std::string to_base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  auto const size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                    reinterpret_cast<unsigned char const*>(bytes.data()),
                                    static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 1, '\0');
  auto const size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                    reinterpret_cast<unsigned char const*>(text.data()),
                                    static_cast<int>(text.size()));
  auto const padding = std::count(text.begin(), text.end(), '=');
  bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size - padding));
  return bytes;
}

/// The key after the last one with that prefix.
std::string end_of(std::string prefix) {
  ++prefix.back();  // prefixes end in '/'
  return prefix;
}

/// Protocol Buffers leave out what is empty, and write 64-bit numbers as texts.
std::string text_of(JsonObject const& object, char const* name) {
  auto const* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::int64_t number_of(JsonObject const& object, char const* name) {
  auto const text = text_of(object, name);
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool truth_of(JsonObject const& object, char const* name) {
  auto const* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

EtcdMember member_from(JsonObject const& object) {
  EtcdMember member;
  member.id = text_of(object, "ID");
  member.name = text_of(object, "name");
  member.is_learner = truth_of(object, "isLearner");
  if (auto const* urls = object.if_contains("peerURLs")) {
    member.peer_urls = boost::json::value_to<std::vector<std::string>>(*urls);
  }
  return member;
}

struct Outcome {
  std::optional<Json> answer;
  std::string failure;
  bool is_refusal = false;
};

/// gRPC's code 14 (unavailable) says that another member may know better.
Outcome read_outcome(http::ClientResponse const& response) {
  Outcome outcome;
  boost::system::error_code error;
  auto answer = read_json(response.body, error);
  if (error || !answer.is_object()) {
    outcome.failure = fmt::format("HTTP status {}", response.status);
    return outcome;
  }
  if (response.status == 200) {
    outcome.answer = std::move(answer);
    return outcome;
  }
  auto const& object = answer.get_object();
  outcome.failure = text_of(object, "error");
  auto const* code = object.if_contains("code");
  outcome.is_refusal = code == nullptr || !code->is_int64() || code->get_int64() != 14;
  return outcome;
}

Async<Outcome> ask(http::Client const& client, http::ClientRequest request, Deadline deadline) {
  Outcome outcome;
  try {
    auto const response = co_await client.send(std::move(request), deadline);
    outcome = read_outcome(response);
  } catch (Error const& error) {
    outcome.failure = error.message();
  }
  co_return outcome;
}

}  // namespace

Etcd::Etcd(http::Client const& client, std::vector<HostPort> endpoints)
    : client_(client), endpoints_(std::move(endpoints)) {}

Async<Json> Etcd::call(std::string path, JsonObject body, Deadline deadline) const {
  auto const text = boost::json::serialize(body);
  std::string failures;
  auto const first = first_.load();
  for (std::size_t turn = 0; turn < endpoints_.size() && !has_passed(deadline); ++turn) {
    auto const number = (first + turn) % endpoints_.size();
    auto const& endpoint = endpoints_[number];
    http::ClientRequest request;
    request.method = "POST";
    request.host = endpoint.host;
    request.port = endpoint.port;
    request.target = "/v3" + path;
    request.body = text;
    auto const until = std::min(deadline, Clock::now() + kPerEndpoint);
    auto outcome = co_await ask(client_, std::move(request), until);
    if (outcome.answer || outcome.is_refusal) first_ = number;
    if (outcome.answer) co_return std::move(*outcome.answer);
    auto const said = fmt::format("etcd at {}: {}", endpoint.text(), outcome.failure);
    if (outcome.is_refusal) throw Error::conflict(said);
    failures += (failures.empty() ? "" : "; ") + said;
  }
  throw Error::unavailable(failures.empty() ? "No etcd member was asked in time." : failures);
}

Async<std::vector<EtcdMember>> Etcd::members(Deadline deadline) const {
  JsonObject const nothing;
  auto const answer = co_await call("/cluster/member/list", nothing, deadline);
  std::vector<EtcdMember> members;
  if (auto const* list = answer.get_object().if_contains("members")) {
    for (auto const& member : list->as_array()) members.push_back(member_from(member.as_object()));
  }
  co_return members;
}

Async<EtcdStatus> Etcd::status(Deadline deadline) const {
  JsonObject const nothing;
  auto const answer = co_await call("/maintenance/status", nothing, deadline);
  auto const& object = answer.get_object();
  EtcdStatus status;
  if (auto const* header = object.if_contains("header")) {
    status.id = text_of(header->as_object(), "member_id");
  }
  status.leader = text_of(object, "leader");
  status.term = number_of(object, "raftTerm");
  status.is_learner = truth_of(object, "isLearner");
  co_return status;
}

Async<void> Etcd::add_learner(std::string peer_url, Deadline deadline) const {
  JsonObject const body{{"peerURLs", JsonArray{Json(peer_url)}}, {"isLearner", true}};
  co_await call("/cluster/member/add", body, deadline);
}

Async<void> Etcd::promote(std::string id, Deadline deadline) const {
  JsonObject const body{{"ID", id}};
  co_await call("/cluster/member/promote", body, deadline);
}

Async<void> Etcd::remove(std::string id, Deadline deadline) const {
  JsonObject const body{{"ID", id}};
  co_await call("/cluster/member/remove", body, deadline);
}

Async<void> Etcd::move_leader(std::string id, Deadline deadline) const {
  JsonObject const body{{"targetID", id}};
  co_await call("/maintenance/transfer-leadership", body, deadline);
}

Async<void> Etcd::put(std::string key, std::string value, Deadline deadline) const {
  JsonObject const body{{"key", to_base64(key)}, {"value", to_base64(value)}};
  co_await call("/kv/put", body, deadline);
}

Async<void> Etcd::erase(std::string key, Deadline deadline) const {
  JsonObject const body{{"key", to_base64(key)}};
  co_await call("/kv/deleterange", body, deadline);
}

Async<std::map<std::string, std::string>> Etcd::list(std::string prefix, Deadline deadline) const {
  JsonObject const body{
      {"key", to_base64(prefix)}, {"range_end", to_base64(end_of(prefix))}, {"serializable", true}};
  auto const answer = co_await call("/kv/range", body, deadline);
  std::map<std::string, std::string> found;
  if (auto const* list = answer.get_object().if_contains("kvs")) {
    for (auto const& each : list->as_array()) {
      auto const& pair = each.as_object();
      found.emplace(from_base64(text_of(pair, "key")), from_base64(text_of(pair, "value")));
    }
  }
  co_return found;
}

}  // namespace minga::cluster
