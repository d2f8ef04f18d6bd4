#include "web/templates.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <kainjow/mustache.hpp>

#include <deque>
#include <set>
#include <stdexcept>

namespace minga::web {
namespace {

namespace mustache = kainjow::mustache;

constexpr std::string_view kFolder = "pages/";
constexpr std::string_view kEnding = ".html";
constexpr std::string_view kLayout = "layout";
constexpr std::string_view kContent = "content";
/// Where the application has no navigation of its own.
constexpr std::string_view kOptional = "nav";
constexpr int kMaxDepth = 16;
/// After a name: whether the value is 1, for messages with a plural.
constexpr std::string_view kIsOne = "@one";

bool is_empty(Json const& value) {
  if (value.is_null()) return true;
  if (auto const* text = value.if_string()) return text->empty();
  if (auto const* object = value.if_object()) return object->empty();
  if (auto const* array = value.if_array()) return array->empty();
  if (auto const* boolean = value.if_bool()) return !*boolean;
  return false;
}

/// Lets the renderer read JSON models as they are. Only what a page names is turned into the
/// renderer's own values; a list becomes placeholders, and pushing one of those enters the element
/// in its position.
class ModelContext : public mustache::basic_context<std::string> {
 public:
  explicit ModelContext(std::initializer_list<JsonObject const*> models) : models_(models) {}

  void push(mustache::data const* data) override {
    frames_.push_back({value_of(data), values_.size(), lists_.size()});
  }

  void pop() override {
    values_.resize(frames_.back().values);
    lists_.resize(frames_.back().lists);
    frames_.pop_back();
  }

  mustache::data const* get(std::string const& name) const override {
    std::string_view path = name;
    bool is_one = path.ends_with(kIsOne);
    if (is_one) path.remove_suffix(kIsOne.size());
    auto const* value = find(path);
    if (!value) return nullptr;
    if (is_one) return keep(plain_text(*value) == "1", value);
    if (is_empty(*value)) return keep(false, value);
    if (auto const* array = value->if_array()) return keep_list(*array);
    if (value->is_object() || value->is_bool()) return keep(true, value);
    return keep(plain_text(*value), value);
  }

  mustache::data const* get_partial(std::string const&) const override { return nullptr; }

 private:
  struct Frame {
    Json const* value;  // null for the elements of no list of ours
    std::size_t values;
    std::size_t lists;
  };
  struct Value {
    mustache::data data;
    Json const* json;
  };
  struct List {
    mustache::data const* first;
    JsonArray const* array;
  };

  static Json const* walk(Json const* value, std::string_view path) {
    while (value && !path.empty()) {
      auto dot = path.find('.');
      auto const* object = value->if_object();
      value = object ? object->if_contains(path.substr(0, dot)) : nullptr;
      path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    }
    return value;
  }

  static Json const* walk(JsonObject const& model, std::string_view path) {
    auto dot = path.find('.');
    auto const* first = model.if_contains(path.substr(0, dot));
    return dot == std::string_view::npos ? first : walk(first, path.substr(dot + 1));
  }

  Json const* find(std::string_view path) const {
    if (path == ".") return frames_.empty() ? nullptr : frames_.back().value;
    for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
      if (!frame->value) continue;
      if (auto const* found = walk(frame->value, path)) return found;
    }
    for (auto const* model : models_) {
      if (auto const* found = walk(*model, path)) return found;
    }
    return nullptr;
  }

  mustache::data const* keep(mustache::data data, Json const* json) const {
    values_.push_back({std::move(data), json});
    return &values_.back().data;
  }

  mustache::data const* keep_list(JsonArray const& array) const {
    mustache::data list(mustache::data::type::list);
    for (std::size_t i = 0; i < array.size(); ++i) list.push_back(true);
    auto const* kept = keep(std::move(list), nullptr);
    lists_.push_back({kept->list_value().data(), &array});
    return kept;
  }

  Json const* value_of(mustache::data const* data) const {
    for (auto list = lists_.rbegin(); list != lists_.rend(); ++list) {
      std::less<> before;
      auto const* end = list->first + list->array->size();
      if (!before(data, list->first) && before(data, end)) {
        return &(*list->array)[static_cast<std::size_t>(data - list->first)];
      }
    }
    // A section over a value enters the value that was asked for last.
    return !values_.empty() && &values_.back().data == data ? values_.back().json : nullptr;
  }

  std::vector<JsonObject const*> models_;
  std::vector<Frame> frames_;
  mutable std::deque<Value> values_;
  mutable std::vector<List> lists_;
};

struct Text {
  std::string bytes;
  void reserve(std::size_t size) { bytes.reserve(size); }
  Text& operator<<(std::string const& piece) {
    bytes += piece;
    return *this;
  }
};

}  // namespace

struct Template::Impl {
  explicit Impl(std::string const& text) : parsed(text), size(text.size()) {
    parsed.set_custom_escape([](std::string const& value) { return escape_html(value); });
  }
  // Rendering changes nothing in it but the error that a lambda or a partial reports, and ours have
  // neither.
  mutable mustache::mustache parsed;
  std::size_t size;
};

Template::Template(std::string_view file, std::string const& text)
    : impl_(std::make_unique<Impl>(text)),
      uses_csrf_(text.find("{{{csrf}}}") != std::string::npos) {
  if (!impl_->parsed.is_valid()) {
    throw std::invalid_argument(fmt::format("{}: {}", file, impl_->parsed.error_message()));
  }
}

Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::render(std::initializer_list<JsonObject const*> models) const {
  ModelContext context(models);
  Text text;
  text.reserve(impl_->size * 2);
  impl_->parsed.render(context, text);
  return std::move(text.bytes);
}

namespace {

class Loader {
 public:
  explicit Loader(Sources const& sources) : sources_(sources) {
    for (auto const* folder : sources.folders) {
      for (auto const& file : folder->files) {
        if (!file.path.starts_with(kFolder) || !file.path.ends_with(kEnding)) continue;
        auto name = file.path.substr(kFolder.size());
        name.remove_suffix(kEnding.size());
        files_[std::string(name)] = file.bytes;
      }
    }
    for (auto const& [name, text] : files_) note_partials(text);
  }

  std::map<std::string, Template, std::less<>> load() {
    if (!files_.contains(kLayout)) throw std::invalid_argument("There is no pages/layout.html.");
    std::map<std::string, Template, std::less<>> templates;
    for (auto const& [name, text] : files_) {
      if (!is_page(name)) continue;
      page_ = name;
      auto composed = resolve(name, trimmed(include(std::string(kLayout), 0)));
      templates.emplace(name, Template(file_name(name), composed));
    }
    return templates;
  }

 private:
  /// A partial of the platform's that this application does not use has no title either.
  bool is_page(std::string const& name) const {
    if (name == kLayout || name == kOptional || partials_.contains(name)) return false;
    bool is_own = sources_.folders.back()->find(file_name(name)) != nullptr;
    return is_own || sources_.catalog->find("title." + name) != nullptr;
  }

  static std::string file_name(std::string_view name) { return fmt::format("pages/{}.html", name); }

  /// Calls `each` with what stands between `open` and `close`, and puts its answer in the place of
  /// the whole.
  template <class Each>
  static std::string replace(std::string_view file, std::string_view text, std::string_view open,
                             std::string_view close, Each each) {
    std::string result;
    for (;;) {
      auto begin = text.find(open);
      if (begin == std::string_view::npos) return result.append(text);
      auto end = text.find(close, begin);
      if (end == std::string_view::npos) {
        throw std::invalid_argument(fmt::format("{}: {} without {}", file, open, close));
      }
      result.append(text.substr(0, begin));
      result += each(trim(text.substr(begin + open.size(), end - begin - open.size())));
      text.remove_prefix(end + close.size());
    }
  }

  void note_partials(std::string_view text) {
    replace("", text, "{{>", "}}", [this](std::string_view name) {
      partials_.emplace(name);
      return std::string();
    });
  }

  std::string include(std::string const& name, int depth) {
    if (depth > kMaxDepth) {
      throw std::invalid_argument(fmt::format("{} includes itself", file_name(name)));
    }
    return replace(file_name(name), files_.at(name), "{{>", "}}", [&](std::string_view partial) {
      auto wanted = std::string(partial == kContent ? std::string_view(page_) : partial);
      if (files_.contains(wanted)) return include(wanted, depth + 1);
      if (wanted == kOptional) return std::string();
      throw std::invalid_argument(
          fmt::format("{}: there is no {}", file_name(name), file_name(wanted)));
    });
  }

  /// Without the lines' indentation, which the renderer would walk through blank by blank.
  static std::string trimmed(std::string_view text) {
    std::string result;
    while (!text.empty()) {
      auto end = std::min(text.find('\n'), text.size());
      auto line = trim(text.substr(0, end));
      if (!line.empty()) result.append(line).append("\n");
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result;
  }

  std::string message(std::string const& file, std::string_view key) {
    auto const* found = sources_.catalog->find(key);
    if (!found) throw std::invalid_argument(fmt::format("{}: no message \"{}\"", file, key));
    auto other = lowered(found->other);
    if (!found->has_plural()) return other;
    return fmt::format(
        "{{{{#count@one}}}}{}{{{{/count@one}}}}{{{{^count@one}}}}{}{{{{/count@one}}}}",
        lowered(found->one), other);
  }

  /// A message as template text: its `{name}` become the model's names.
  static std::string lowered(std::string_view message) {
    return with_names(escape_html(message),
                      [](std::string_view name) { return fmt::format("{{{{{}}}}}", name); });
  }

  std::string resolve(std::string const& page, std::string text) {
    auto file = file_name(page);
    text = replace(file, text, "{{#asset}}", "{{/asset}}", [&](std::string_view name) {
      auto hashed = sources_.assets->hashed_name(name);
      if (!hashed) throw std::invalid_argument(fmt::format("{}: no assets/{}", file, name));
      return sources_.asset_base + *hashed;
    });
    text = replace(file, text, "{{#t}}", "{{/t}}",
                   [&](std::string_view key) { return message(file, key); });
    return replace(file, text, "{{page_title", "}}",
                   [&](std::string_view) { return message(file, "title." + page); });
  }

  Sources const& sources_;
  std::map<std::string, std::string_view, std::less<>> files_;
  std::set<std::string, std::less<>> partials_;
  std::string page_;
};

}  // namespace

std::map<std::string, Template, std::less<>> load_templates(Sources const& sources) {
  return Loader(sources).load();
}

}  // namespace minga::web
