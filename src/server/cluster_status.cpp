#include "server/cluster_status.hpp"

#include "async/task_group.hpp"
#include "base/logging.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace minga::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kFresh = 500ms;
constexpr auto kPatience = 3s;
constexpr auto kListing = 1s;

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

void add(JsonObject& status, cluster::SetStatus const& set) {
  JsonArray members;
  for (auto const& member : set.members)
    members.push_back(member_json(member.address.name(), member, member.last_heartbeat));
  status["durableCopies"] = set.durable_copies;
  status["members"] = std::move(members);
  status["lastFailover"] = failover_json(set);
}

void add(JsonObject& status, sql::Copies const& copies,
         std::map<std::string, SystemTime> const& last_seen) {
  JsonArray members;
  for (auto const& member : copies.members) {
    auto const seen = last_seen.find(member.name);
    auto const at = seen == last_seen.end() ? std::nullopt : std::optional(seen->second);
    members.push_back(member_json(member.name, member, at));
  }
  status["durableCopies"] = or_null(copies.durable);
  status["members"] = std::move(members);
  status["lastFailover"] = failover_json(copies);
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

/// All at once: while servers are cut off each look takes its time.
Async<JsonObject> ClusterStatus::gather(Deadline deadline) {
  auto const until = std::min<Deadline>(deadline, Clock::now() + kPatience);
  std::optional<cluster::SetStatus> set;
  sql::Copies copies;
  TaskGroup looking(threads_.context(0).get_executor(), "cluster status");
  looking.spawn(look_at_set(&set, until));
  looking.spawn(look_at_copies(&copies, until));
  looking.spawn(look_at_nodes(until));
  co_await looking.join();
  JsonObject status;
  status["engine"] = database_.dialect().name();
  if (set) {
    add(status, *set);
  } else {
    add(status, copies, last_seen_);
  }
  JsonArray nodes;
  for (auto const& node : nodes_) nodes.push_back(cluster::to_json(node));
  status["nodes"] = std::move(nodes);
  co_return status;
}

/// Nothing where there is no access, where nobody of the set answers, or not all in time.
Async<void> ClusterStatus::look_at_set(std::optional<cluster::SetStatus>* seen, Deadline deadline) {
  if (!set_) co_return;
  std::string failure;
  try {
    auto status = co_await cluster::gather_status(*set_, deadline);
    if (Clock::now() < deadline) *seen = std::move(status);
  } catch (std::exception const& error) {
    failure = error.what();
  }
  if (!failure.empty())
    log::warning(fmt::format("The replica set does not say how it is: {}", failure));
}

Async<void> ClusterStatus::look_at_copies(sql::Copies* seen, Deadline deadline) {
  *seen = co_await database_.copies(deadline);
  for (auto const& member : seen->members) {
    if (member.role != "none") last_seen_[member.name] = now_millis();
  }
}

/// While there is no primary the list is the one of before: who asks wants to know just then.
Async<void> ClusterStatus::look_at_nodes(Deadline deadline) {
  std::string failure;
  try {
    nodes_ = co_await heartbeats_.nodes(std::min<Deadline>(deadline, Clock::now() + kListing));
  } catch (std::exception const& error) {
    failure = error.what();
  }
  if (failure.empty()) co_return;
  log::debug(fmt::format("The nodes cannot be listed: {}", failure));
  for (auto& node : nodes_) node.is_up = now_millis() - node.last_seen <= cluster::kNodeDown;
}

}  // namespace minga::server
