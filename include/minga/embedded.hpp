#pragma once

#include <span>
#include <string_view>

namespace minga {

/// A folder of files compiled into the program by CMake's minga_embed(NAME folder).
struct EmbeddedFile {
  /// Relative to the folder, with "/": "pages/index.html".
  std::string_view path;
  std::string_view bytes;
};

struct Embedded {
  std::span<EmbeddedFile const> files;

  /// Null when there is none.
  EmbeddedFile const* find(std::string_view path) const {
    for (auto const& file : files) {
      if (file.path == path) return &file;
    }
    return nullptr;
  }
};

}  // namespace minga
