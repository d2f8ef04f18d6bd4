#pragma once

#include "records/definition.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace minga::records {

/// All collections at one moment; immutable, shared. A request keeps the one it began with.
class Schema {
 public:
  explicit Schema(std::vector<Definition> definitions);
  /// By id, or by name without regard to case; null when there is none.
  Definition const* find(std::string_view id_or_name) const;
  std::vector<Definition> const& all() const { return definitions_; }

 private:
  std::vector<Definition> definitions_;
  std::map<std::string, std::size_t, std::less<>> by_key_;
};

}  // namespace minga::records
