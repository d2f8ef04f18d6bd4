#include "base/merge_patch.hpp"

namespace minga {

void merge_patch(Json& target, Json const& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = JsonObject{};
  auto& object = target.get_object();
  for (auto const& pair : patch.get_object()) {
    if (pair.value().is_null()) {
      object.stable_erase(pair.key());
    } else {
      merge_patch(object[pair.key()], pair.value());
    }
  }
}

}  // namespace minga
