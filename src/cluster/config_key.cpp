#include "cluster/config_key.hpp"

#include "base/json_text.hpp"
#include "base/merge_patch.hpp"

#include <boost/json/serialize.hpp>

namespace minga::cluster {
namespace {

Json configuration_in(EtcdKey::Value const& value) {
  if (value.text.empty()) throw Error::unavailable("The set has no configuration yet.");
  return read_json(value.text);
}

/// False when somebody else has changed it meanwhile.
Async<bool> replace(EtcdKey const& key, EtcdKey::Value value, Deadline deadline) {
  try {
    co_await key.replace(std::move(value), deadline);
  } catch (Error const& error) {
    if (error.status() != 409) throw;
    co_return false;
  }
  co_return true;
}

}  // namespace

Async<Json> read_configuration(EtcdKey const& key, Deadline deadline) {
  auto const value = co_await key.get(deadline);
  co_return configuration_in(value);
}

Async<void> change_configuration(EtcdKey const& key, JsonObject changes, Deadline deadline) {
  for (bool is_done = false; !is_done;) {
    auto value = co_await key.get(deadline);
    auto const before = configuration_in(value);
    auto after = before;
    merge_patch(after, changes);
    if (after == before) co_return;
    value.text = boost::json::serialize(after);
    is_done = co_await replace(key, std::move(value), deadline);
  }
}

}  // namespace minga::cluster
