#pragma once

#include <minga/embedded.hpp>
#include <minga/response.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::web {

/// The media type of a file by its name's ending; application/octet-stream for one that is not
/// known.
std::string_view media_type(std::string_view path);

/// The files below `assets/`, each under a name that holds its content's hash: it may be kept for
/// ever. Immutable once made.
class Assets {
 public:
  /// Files of a later folder win over those of the same name in an earlier one.
  explicit Assets(std::vector<Embedded const*> const& folders);

  /// `minga.css` -> `minga.0f3a9c21d4.css`; nothing when there is none.
  std::optional<std::string> hashed_name(std::string_view name) const;
  /// The file of a hashed name. Error 404.
  Response serve(std::string_view hashed_name) const;

 private:
  std::map<std::string, std::string, std::less<>> hashed_;         // name -> hashed name
  std::map<std::string, EmbeddedFile const*, std::less<>> files_;  // hashed name -> file
};

}  // namespace minga::web
