#include "server/cluster_status.hpp"

#include "base/logging.hpp"
#include "cluster/status.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <exception>
#include <utility>

namespace minga::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kFresh = 500ms;

template <class T>
Json or_null(std::optional<T> const& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json text_or_null(std::string const& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json time_or_null(std::optional<SystemTime> const& time) {
  return time ? Json(format_time(*time)) : Json(nullptr);
}

/// What a sql::Copy and a cluster::MemberStatus have in common.
template <class Member>
JsonObject member_json(std::string const& name, Member const& member,
                       std::optional<SystemTime> last_seen) {
  return {{"name", name},
          {"role", member.role},
          {"state", member.state},
          {"healthy", member.is_healthy},
          {"problem", text_or_null(member.problem)},
          {"timeline", or_null(member.timeline)},
          {"lagBytes", or_null(member.lag_bytes)},
          {"lagSeconds", or_null(member.lag_seconds)},
          {"sync", text_or_null(member.sync)},
          {"lastSeen", time_or_null(last_seen)}};
}

Json failover_json(cluster::SetStatus const& set) {
  if (!set.election || set.election->previous.empty()) return nullptr;
  return JsonObject{{"at", format_time(set.election->at)},
                    {"from", set.election->previous},
                    {"to", set.election->primary},
                    {"reason", text_or_null(set.election->reason)}};
}

Json failover_json(sql::Copies const& copies) {
  if (!copies.promoted_at) return nullptr;
  Json to = nullptr;
  for (auto const& member : copies.members) {
    if (member.role == "primary" && member.is_healthy) to = member.name;
  }
  return JsonObject{
      {"at", format_time(*copies.promoted_at)}, {"from", nullptr}, {"to", to}, {"reason", nullptr}};
}

}  // namespace

ClusterStatus::ClusterStatus(IoThreads& threads, sql::Database& database,
                             cluster::Heartbeats& heartbeats,
                             std::unique_ptr<cluster::SetAccess> set)
    : threads_(threads),
      database_(database),
      heartbeats_(heartbeats),
      set_(std::move(set)),
      asked_(threads.context(0), Deadline::max()) {}

Async<JsonObject> ClusterStatus::ask(Deadline deadline) {
  auto here = ask_here(deadline);
  co_return co_await boost::asio::co_spawn(threads_.context(0), std::move(here),
                                           boost::asio::use_awaitable);
}

Async<JsonObject> ClusterStatus::ask_here(Deadline deadline) {
  while (is_asking_) {
    boost::system::error_code ended;  // the timer's cancellation is the signal
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ended);
    co_await asked_.async_wait(token);
    co_await boost::asio::post(threads_.context(0), boost::asio::use_awaitable);
  }
  if (Clock::now() - answered_at_ < kFresh) co_return answer_;
  struct Asking {
    explicit Asking(ClusterStatus& owner) : status(owner) { status.is_asking_ = true; }
    ~Asking() {
      status.is_asking_ = false;
      status.asked_.cancel();
    }
    ClusterStatus& status;
  } const asking(*this);
  answer_ = co_await gather(deadline);
  answered_at_ = Clock::now();
  co_return answer_;
}

Async<JsonObject> ClusterStatus::gather(Deadline deadline) {
  JsonObject status;
  status["engine"] = database_.dialect().name();
  auto const has_set = co_await add_set(status, deadline);
  if (!has_set) co_await add_copies(status, deadline);
  JsonArray nodes;
  auto const all = co_await heartbeats_.nodes(deadline);
  for (auto const& node : all) nodes.push_back(cluster::to_json(node));
  status["nodes"] = std::move(nodes);
  co_return status;
}

/// False where there is no access, or nobody of the set answers.
Async<bool> ClusterStatus::add_set(JsonObject& status, Deadline deadline) {
  if (!set_) co_return false;
  std::string failure;
  try {
    auto const set = co_await cluster::gather_status(*set_, deadline);
    status["durableCopies"] = set.durable_copies;
    JsonArray members;
    for (auto const& member : set.members)
      members.push_back(member_json(member.address.name(), member, member.last_heartbeat));
    status["members"] = std::move(members);
    status["lastFailover"] = failover_json(set);
    co_return true;
  } catch (std::exception const& error) {
    failure = error.what();
  }
  log::warning(fmt::format("The replica set does not say how it is: {}", failure));
  co_return false;
}

Async<void> ClusterStatus::add_copies(JsonObject& status, Deadline deadline) {
  auto const copies = co_await database_.copies(deadline);
  JsonArray members;
  for (auto const& member : copies.members) {
    if (member.role != "none") last_seen_[member.name] = now_millis();
    auto const seen = last_seen_.find(member.name);
    auto const at = seen == last_seen_.end() ? std::nullopt : std::optional(seen->second);
    members.push_back(member_json(member.name, member, at));
  }
  status["durableCopies"] = or_null(copies.durable);
  status["members"] = std::move(members);
  status["lastFailover"] = failover_json(copies);
}

}  // namespace minga::server
