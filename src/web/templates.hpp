#pragma once

#include <minga/embedded.hpp>
#include <minga/json.hpp>

#include "web/assets.hpp"
#include "web/catalog.hpp"

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace minga::web {

/// A page in one language, ready to render: layout and partials put in, messages and assets
/// resolved, parsed.
class Template {
 public:
  /// `text` is mustache without partials. std::invalid_argument, naming `file`, when it cannot be
  /// parsed.
  Template(std::string_view file, std::string const& text);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  /// A name is looked up in the models in turn. Used from any thread.
  std::string render(std::initializer_list<JsonObject const*> models) const;
  /// Whether the page holds a form, and so needs this browser's token.
  bool uses_csrf() const { return uses_csrf_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  bool uses_csrf_ = false;
};

/// What pages are made of.
struct Sources {
  std::vector<Embedded const*> folders;  // a later one wins
  Catalog const* catalog = nullptr;
  Assets const* assets = nullptr;
  std::string asset_base;  // before an asset's hashed name: "/tasks/assets/"
};

/// All pages of a site in one language, by name without ".html". A file of pages/ is a page unless
/// it is the layout or a partial. std::invalid_argument, naming the file, for an unknown partial,
/// message or asset, a partial within itself, a page without its message `title.<page>`.
std::map<std::string, Template, std::less<>> load_templates(Sources const& sources);

}  // namespace minga::web
