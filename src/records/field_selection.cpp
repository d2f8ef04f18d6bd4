#include <minga/error.hpp>

#include "base/text.hpp"
#include "records/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace minga::records {
namespace {

/// What `:excerpt(max, withEllipsis?)` asks for.
struct Excerpt {
  std::size_t max = 0;
  bool ellipsis = false;
};

Error unknown_modifier(std::string_view text) {
  return Error::invalid(
      "fields", "validation_invalid_value",
      fmt::format("'{}' is no modifier; there is :excerpt(max, withEllipsis?).", text));
}

Excerpt parse_excerpt(std::string_view text) {
  constexpr std::string_view kName = "excerpt(";
  if (!text.starts_with(kName) || !text.ends_with(')')) throw unknown_modifier(text);
  auto const arguments = text.substr(kName.size(), text.size() - kName.size() - 1);
  auto const comma = std::min(arguments.find(','), arguments.size());
  auto const number = trim(arguments.substr(0, comma));
  auto const flag = trim(arguments.substr(std::min(comma + 1, arguments.size())));
  Excerpt excerpt;
  auto const [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), excerpt.max);
  if (error != std::errc{} || end != number.data() + number.size() || excerpt.max == 0)
    throw unknown_modifier(text);
  if (!flag.empty() && flag != "true" && flag != "false") throw unknown_modifier(text);
  excerpt.ellipsis = flag == "true";
  return excerpt;
}

/// Reads HTML as plain text: what is never shown is dropped, tags become blanks, white space is
/// collapsed.
class PlainText {
 public:
  static std::string of(std::string_view html) {
    PlainText reader(html);
    reader.read();
    return std::string(trim(reader.out_));
  }

 private:
  explicit PlainText(std::string_view html) : html_(html) {}

  void read() {
    while (at_ < html_.size()) {
      if (html_[at_] == '<') {
        read_tag();
      } else if (html_[at_] == '&') {
        read_entity();
      } else {
        add(html_[at_++]);
      }
    }
  }

  void add(char c) {
    auto const blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank) {
      out_ += c;
    } else if (!out_.empty() && out_.back() != ' ') {
      out_ += ' ';
    }
  }

  void read_tag() {
    if (html_.substr(at_).starts_with("<!--")) return skip_past("-->");
    auto const next = at_ + 1 < html_.size() ? html_[at_ + 1] : '\0';
    auto const is_letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
    if (!is_letter && std::string_view("/!?").find(next) == std::string_view::npos)
      return add(html_[at_++]);
    auto const end = html_.find('>', at_);
    if (end == std::string_view::npos) {
      at_ = html_.size();
      return;
    }
    auto const tag = html_.substr(at_ + 1, end - at_ - 1);
    auto const name = tag_name(tag);
    at_ = end + 1;
    static std::vector<std::string> const dropped{"script", "style",  "head",     "iframe",  "svg",
                                                  "form",   "button", "template", "noscript"};
    if (!tag.ends_with('/') && std::find(dropped.begin(), dropped.end(), name) != dropped.end())
      skip_to_end_of(name);
    static std::vector<std::string> const inline_tags{
        "a", "b", "i", "em", "strong", "span", "u", "s", "small", "sub", "sup", "code", "mark"};
    auto const plain = name.starts_with('/') ? name.substr(1) : name;
    if (std::find(inline_tags.begin(), inline_tags.end(), plain) == inline_tags.end()) add(' ');
  }

  static std::string tag_name(std::string_view tag) {
    auto const end = tag.find_first_of(" \t\r\n", 0);
    auto name = ascii_lower(tag.substr(0, end));
    if (name.ends_with('/') && name.size() > 1) name.pop_back();
    return name;
  }

  void skip_past(std::string_view mark) {
    auto const found = html_.find(mark, at_);
    at_ = found == std::string_view::npos ? html_.size() : found + mark.size();
  }

  void skip_to_end_of(std::string_view name) {
    do {
      skip_past("</");
    } while (at_ < html_.size() && !equals_ignoring_case(html_.substr(at_, name.size()), name));
    skip_past(">");
  }

  void read_entity() {
    static std::map<std::string_view, std::string_view> const entities{
        {"&amp;", "&"}, {"&lt;", "<"},   {"&gt;", ">"},  {"&quot;", "\""},
        {"&#39;", "'"}, {"&apos;", "'"}, {"&nbsp;", " "}};
    for (auto const& [entity, text] : entities) {
      if (!html_.substr(at_).starts_with(entity)) continue;
      for (char const c : text) add(c);
      at_ += entity.size();
      return;
    }
    add(html_[at_++]);
  }

  std::string_view html_;
  std::size_t at_ = 0;
  std::string out_;
};

std::string cut(std::string const& text, Excerpt const& excerpt) {
  if (count_code_points(text) <= excerpt.max) return text;
  std::size_t points = 0, at = 0;
  for (; at < text.size(); ++at) {
    auto const begins = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (begins && points++ == excerpt.max) break;
  }
  return std::string(trim(std::string_view(text).substr(0, at))) + (excerpt.ellipsis ? "..." : "");
}

}  // namespace

struct FieldSelection::Node {
  bool all = false;  // "*"
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  std::optional<Excerpt> excerpt;

  void apply(Json& value) const {
    if (auto* list = value.if_array()) {
      for (auto& each : *list) apply(each);
    } else if (auto* object = value.if_object()) {
      apply_to(*object);
    } else if (excerpt && value.is_string()) {
      auto const& html = value.get_string();
      value = cut(PlainText::of({html.data(), html.size()}), *excerpt);
    }
  }

  void apply_to(JsonObject& object) const {
    if (children.empty() && !all) return;
    JsonObject kept;
    for (auto& pair : object) {
      auto const child = children.find(std::string_view(pair.key()));
      if (child == children.end() && !all) continue;
      auto& value = kept[pair.key()] = std::move(pair.value());
      if (child != children.end()) child->second->apply(value);
    }
    object = std::move(kept);
  }
};

FieldSelection::FieldSelection(std::string_view fields) {
  // A comma within parentheses belongs to a modifier.
  std::size_t begin = 0, depth = 0;
  for (std::size_t i = 0; i <= fields.size(); ++i) {
    if (i < fields.size() && fields[i] == '(') ++depth;
    if (i < fields.size() && fields[i] == ')' && depth > 0) --depth;
    if (i < fields.size() && (fields[i] != ',' || depth > 0)) continue;
    auto path = trim(fields.substr(begin, i - begin));
    begin = i + 1;
    if (path.empty()) continue;
    if (!root_) root_ = std::make_unique<Node>();
    auto const colon = std::min(path.find(':'), path.size());
    auto const has_modifier = colon < path.size();
    auto const modifier = path.substr(std::min(colon + 1, path.size()));
    path = path.substr(0, colon);
    auto* node = root_.get();
    while (!path.empty()) {
      auto const dot = std::min(path.find('.'), path.size());
      auto const name = path.substr(0, dot);
      path.remove_prefix(std::min(dot + 1, path.size()));
      if (name == "*") {
        node->all = true;
        break;
      }
      auto& child = node->children[std::string(name)];
      if (!child) child = std::make_unique<Node>();
      node = child.get();
    }
    if (has_modifier) node->excerpt = parse_excerpt(modifier);
  }
}

FieldSelection::~FieldSelection() = default;
FieldSelection::FieldSelection(FieldSelection&&) noexcept = default;

bool FieldSelection::keeps_all() const {
  return !root_;
}

void FieldSelection::apply(Json& value) const {
  if (root_) root_->apply(value);
}

}  // namespace minga::records
