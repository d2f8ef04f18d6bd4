#include "cluster/sync_key.hpp"

#include "base/json_text.hpp"
#include "cluster/json_parts.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace minga::cluster {
namespace {

constexpr std::string_view kNobody = "patroni-was-started-anew";

struct Synchronous {
  std::string primary;
  std::string standbys;  // names with commas between
};

Synchronous synchronous_in(Json const& value) {
  return {text_of(find(&value, "leader")), text_of(find(&value, "sync_standby"))};
}

}  // namespace

Async<bool> may_lead(EtcdKey const& key, std::string const& member, Deadline deadline) {
  auto const found = co_await key.get(deadline);
  if (found.text.empty()) co_return true;
  auto const now = synchronous_in(read_json(found.text));
  if (now.standbys.empty() || now.primary == member) co_return true;
  auto const standbys = fmt::format(",{},", now.standbys);
  co_return standbys.find(fmt::format(",{},", member)) != std::string::npos;
}

Async<void> have_standbys_chosen_anew(EtcdKey const& key, std::string const& primary,
                                      Deadline deadline) {
  auto found = co_await key.get(deadline);
  if (found.text.empty()) co_return;  // no primary has chosen any yet
  auto value = read_json(found.text);
  auto const now = synchronous_in(value);
  if (now.primary != primary || now.standbys.empty()) co_return;
  if (now.standbys.find(kNobody) != std::string::npos) co_return;
  value.as_object()["sync_standby"] = fmt::format("{},{}", now.standbys, kNobody);
  found.text = boost::json::serialize(value);
  co_await key.replace(std::move(found), deadline);
}

}  // namespace minga::cluster
