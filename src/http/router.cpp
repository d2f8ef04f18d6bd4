#include "http/router.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <stdexcept>

namespace minga::http {
namespace {

struct Target {
  Handler handler;
  RouteInfo info;
  std::vector<std::string> names;  // of the parameters, in order
};

constexpr std::size_t kUsualDepth = 8;

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  segments.reserve(kUsualDepth);
  while (!path.empty()) {
    path.remove_prefix(path.front() == '/' ? 1 : 0);
    auto const end = std::min(path.find('/'), path.size());
    if (end > 0 || end < path.size()) segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  if (!segments.empty() && segments.back().empty()) segments.pop_back();
  return segments;
}

}  // namespace

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::map<Method, Target> targets;
  std::map<Method, Target> rest_targets;  // <name...>

  /// The node that answers the segments from `index` on, with the values of its parameters; a
  /// literal is tried first and given up where it leads nowhere.
  std::map<Method, Target> const* find(std::span<std::string_view const> segments,
                                       std::size_t index, std::vector<std::string>& values) const {
    if (index == segments.size()) return targets.empty() ? nullptr : &targets;
    if (auto const literal = literals.find(segments[index]); literal != literals.end()) {
      if (auto const* found = literal->second->find(segments, index + 1, values)) return found;
    }
    if (parameter && !segments[index].empty()) {
      values.emplace_back(segments[index]);
      if (auto const* found = parameter->find(segments, index + 1, values)) return found;
      values.pop_back();
    }
    if (rest_targets.empty()) return nullptr;
    std::string rest(segments[index]);
    for (auto const segment : segments.subspan(index + 1)) rest.append("/").append(segment);
    values.push_back(std::move(rest));
    return &rest_targets;
  }

  void collect(std::vector<RouteInfo>& routes) const {
    for (auto const* map : {&targets, &rest_targets}) {
      for (auto const& [method, target] : *map) routes.push_back(target.info);
    }
    for (auto const& [segment, node] : literals) node->collect(routes);
    if (parameter) parameter->collect(routes);
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(Method method, std::string_view path, Handler handler, std::string summary) {
  if (!path.starts_with('/'))
    throw std::invalid_argument(fmt::format("The route '{}' must begin with /", path));
  auto* node = root_.get();
  Target target{std::move(handler), {method, std::string(path), std::move(summary)}, {}};
  bool rest = false;
  for (auto const segment : split_path(path)) {
    if (rest)
      throw std::invalid_argument(
          fmt::format("In the route '{}' nothing may follow <name...>", path));
    auto const is_parameter = segment.size() > 2 && segment.front() == '<' && segment.back() == '>';
    if (!is_parameter) {
      auto& next = node->literals[std::string(segment)];
      if (!next) next = std::make_unique<Node>();
      node = next.get();
      continue;
    }
    auto name = segment.substr(1, segment.size() - 2);
    rest = name.ends_with("...");
    if (rest) name.remove_suffix(3);
    target.names.emplace_back(name);
    if (rest) continue;
    if (!node->parameter) node->parameter = std::make_unique<Node>();
    node = node->parameter.get();
  }
  auto& targets = rest ? node->rest_targets : node->targets;
  if (!targets.emplace(method, std::move(target)).second) {
    throw std::invalid_argument(
        fmt::format("The route '{}' is declared twice with the same method", path));
  }
}

Router::Match Router::find(Method method, std::string_view path) const {
  auto segments = split_path(path);
  std::vector<std::string> decoded;  // those that are not as they were sent
  for (auto& segment : segments) {
    if (segment.find('%') == std::string_view::npos) continue;
    auto text = percent_decode(segment);
    if (!text) return {};
    if (decoded.empty()) decoded.reserve(segments.size());
    segment = decoded.emplace_back(std::move(*text));
  }
  std::vector<std::string> values;
  auto const* targets = root_->find(segments, 0, values);
  Match match;
  if (targets == nullptr) return match;
  auto const found = targets->find(method);
  if (found == targets->end()) {
    for (auto const& [allowed, target] : *targets) match.allowed.push_back(allowed);
    return match;
  }
  match.handler = &found->second.handler;
  for (std::size_t i = 0; i < values.size(); ++i)
    match.params.emplace_back(found->second.names[i], std::move(values[i]));
  return match;
}

std::vector<RouteInfo> Router::routes() const {
  std::vector<RouteInfo> routes;
  root_->collect(routes);
  return routes;
}

}  // namespace minga::http
