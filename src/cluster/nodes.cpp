#include "cluster/nodes.hpp"

#include "async/deadline.hpp"
#include "base/ids.hpp"
#include "base/json_text.hpp"
#include "base/logging.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kBeat = 3s;
constexpr auto kPatience = 3s;
constexpr auto kLastPatience = 1s;  // of a node that stops: it is found down without its word, too
constexpr int kBeatsBetweenLooks = 20;  // for rows that are to be forgotten

/// The database's clock, in the form of format_time().
std::string now_sql(sql::Dialect const& dialect) {
  return dialect.strftime("'%Y-%m-%d %H:%M:%fZ', 'now'");
}

/// $1 name, $2 id, $3 what a node says of itself, as JSON, that never changes, $4 what does.
std::string insertion(sql::Dialect const& dialect) {
  return fmt::format(
      "INSERT INTO _nodes (name, id, about, load, last_seen) VALUES ($1, $2, $3, "
      "$4, {}) ON CONFLICT (name) DO UPDATE SET ",
      now_sql(dialect));
}

std::string take_over_sql(sql::Dialect const& dialect) {
  return insertion(dialect) +
         "id = excluded.id, about = excluded.about, load = excluded.load, last_seen = "
         "excluded.last_seen";
}

std::string beat_sql(sql::Dialect const& dialect) {
  return insertion(dialect) +
         "load = excluded.load, last_seen = excluded.last_seen WHERE _nodes.id = excluded.id";
}

std::string list_sql(sql::Dialect const& dialect) {
  return fmt::format("SELECT name, about, load, last_seen, {} FROM _nodes ORDER BY name",
                     now_sql(dialect));
}

constexpr char const* kRemove = "DELETE FROM _nodes WHERE name = $1 AND id = $2";
constexpr char const* kForget = "DELETE FROM _nodes WHERE last_seen < $1";

std::string about(Node const& node) {
  JsonObject object{{"url", node.url},
                    {"version", node.version},
                    {"host", node.host},
                    {"pid", node.pid},
                    {"started", format_time(node.started)}};
  return json_text(object);
}

JsonObject to_json(Load const& load) {
  return {{"requestsPerSecond", std::round(load.requests_per_second * 10) / 10},
          {"running", load.running}};
}

std::string text_member(JsonObject const& object, std::string_view key) {
  auto const& text = object.at(key).as_string();
  return {text.data(), text.size()};
}

SystemTime time_of(std::string const& text) {
  return parse_time(text).value_or(SystemTime{});
}

Node node_at(sql::Rows const& rows, std::size_t row) {
  Node node;
  node.name = rows.text(row, 0);
  auto const about = read_json(rows.text(row, 1)).as_object();
  node.url = text_member(about, "url");
  node.version = text_member(about, "version");
  node.host = text_member(about, "host");
  node.pid = about.at("pid").to_number<std::int64_t>();
  node.started = time_of(text_member(about, "started"));
  auto const load = read_json(rows.text(row, 2)).as_object();
  node.load.requests_per_second = load.at("requestsPerSecond").to_number<double>();
  node.load.running = load.at("running").to_number<std::int64_t>();
  node.last_seen = time_of(rows.text(row, 3));
  node.is_up = time_of(rows.text(row, 4)) - node.last_seen <= kNodeDown;
  return node;
}

}  // namespace

Heartbeats::Heartbeats(IoThreads& threads, sql::Database& database, std::function<Node()> describe,
                       std::function<Traffic()> traffic)
    : database_(database),
      id_(random_text(15)),
      describe_(std::move(describe)),
      traffic_(std::move(traffic)),
      tasks_(threads.context(0).get_executor(), "heartbeats") {}

Async<void> Heartbeats::start() {
  self_ = describe_();
  self_.started = now_millis();
  measure();
  if (database_.is_exclusive()) co_return;
  co_await beat(true, Clock::now() + 30s);
  tasks_.spawn(beat_on());
}

Async<void> Heartbeats::stop(Deadline deadline) {
  tasks_.cancel();
  co_await tasks_.join();
  if (database_.is_exclusive()) co_return;
  std::string failure;
  try {
    sql::Params values{self_.name, id_};
    sql::Statement remove(kRemove, std::move(values),
                          std::min<Deadline>(deadline, Clock::now() + kLastPatience));
    co_await database_.write(std::move(remove));
  } catch (std::exception const& error) {
    failure = error.what();
  }
  if (!failure.empty())
    log::warning(fmt::format("This node stays on the list for a while, as down: {}", failure));
}

/// What goes wrong is logged once, until it went well again.
Async<void> Heartbeats::beat_on() {
  std::string last;
  for (int beats = 1;; ++beats) {
    co_await sleep_for(kBeat);
    auto failure = co_await attempt(beats % kBeatsBetweenLooks == 0);
    if (!failure.empty() && failure != last) log::warning(failure);
    last = std::move(failure);
  }
}

/// What is wrong, or "".
Async<std::string> Heartbeats::attempt(bool looks_for_old) {
  measure();
  auto const until = Clock::now() + kPatience;
  std::string failure;
  try {
    auto const has_row = co_await beat(false, until);
    if (!has_row) {
      failure = fmt::format(
          "Another node on this database has the name {} and has taken its place on the list; give "
          "each its own with --node-name.",
          self_.name);
    }
    if (looks_for_old) co_await forget_old(until);
  } catch (std::exception const& error) {
    if (is_cancellation(error)) throw;
    failure = fmt::format("This node cannot say that it is there: {}", error.what());
  }
  co_return failure;
}

/// Whether the row is this node's.
Async<bool> Heartbeats::beat(bool takes_over, Deadline deadline) {
  auto const& dialect = database_.dialect();
  sql::Params values{self_.name, id_, about(self_), json_text(to_json(self_.load))};
  sql::Statement statement(takes_over ? take_over_sql(dialect) : beat_sql(dialect),
                           std::move(values), deadline);
  auto const written = co_await database_.write(std::move(statement));
  co_return written.affected() > 0;
}

Async<void> Heartbeats::forget_old(Deadline deadline) {
  sql::Statement ask("SELECT " + now_sql(database_.dialect()), {}, deadline);
  auto const now = time_of((co_await database_.read(std::move(ask))).text(0, 0));
  sql::Params values{format_time(now - kNodeForgotten)};
  sql::Statement forget(kForget, std::move(values), deadline);
  co_await database_.write(std::move(forget));
}

void Heartbeats::measure() {
  auto const traffic = traffic_();
  auto const now = Clock::now();
  auto const seconds = std::chrono::duration<double>(now - measured_).count();
  if (measured_ != Clock::time_point{} && seconds > 0)
    self_.load.requests_per_second =
        static_cast<double>(traffic.answered - last_.answered) / seconds;
  self_.load.running = traffic.running;
  last_ = traffic;
  measured_ = now;
}

Async<std::vector<Node>> Heartbeats::nodes(Deadline deadline) {
  std::vector<Node> nodes;
  if (database_.is_exclusive()) {
    if (Clock::now() - measured_ >= kBeat) measure();
    self_.load.running = traffic_().running;
    self_.last_seen = now_millis();
    nodes.push_back(self_);
    co_return nodes;
  }
  sql::Statement list(list_sql(database_.dialect()), {}, deadline);
  auto const rows = co_await database_.read(std::move(list));
  for (std::size_t i = 0; i < rows.size(); ++i) nodes.push_back(node_at(rows, i));
  co_return nodes;
}

JsonObject to_json(Node const& node) {
  return {{"name", node.name},
          {"url", node.url},
          {"state", node.is_up ? "up" : "down"},
          {"version", node.version},
          {"host", node.host},
          {"pid", node.pid},
          {"started", format_time(node.started)},
          {"lastSeen", format_time(node.last_seen)},
          {"load", to_json(node.load)}};
}

}  // namespace minga::cluster
