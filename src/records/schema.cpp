#include "records/schema.hpp"

#include "base/text.hpp"

namespace minga::records {

Schema::Schema(std::vector<Definition> definitions) : definitions_(std::move(definitions)) {
  for (std::size_t i = 0; i < definitions_.size(); ++i) {
    by_key_.emplace(definitions_[i].id, i);
    by_key_.emplace(ascii_lower(definitions_[i].name), i);
  }
}

Definition const* Schema::find(std::string_view id_or_name) const {
  auto found = by_key_.find(id_or_name);
  if (found == by_key_.end()) found = by_key_.find(ascii_lower(id_or_name));
  return found == by_key_.end() ? nullptr : &definitions_[found->second];
}

}  // namespace minga::records
