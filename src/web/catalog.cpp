#include "web/catalog.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <toml++/toml.h>

#include <stdexcept>

namespace minga::web {
namespace {

using Messages = std::map<std::string, Message, std::less<>>;

std::optional<Message> plural_of(toml::table const& table) {
  auto one = table["one"].value<std::string>();
  auto other = table["other"].value<std::string>();
  if (table.size() != 2 || !one || !other) return std::nullopt;
  return Message{*one, *other};
}

void check(std::string_view file, std::string_view key, std::string const& text) {
  if (text.find("{{") == std::string::npos && text.find("}}") == std::string::npos) return;
  throw std::invalid_argument(
      fmt::format("{}: message \"{}\" has double braces; a value is written {{name}}", file, key));
}

void flatten(std::string_view file, std::string const& prefix, toml::table const& table,
             Messages& messages) {
  for (auto const& [name, node] : table) {
    auto key = prefix + std::string(name.str());
    Message message;
    if (auto const* inner = node.as_table()) {
      auto plural = plural_of(*inner);
      if (!plural) {
        flatten(file, key + ".", *inner, messages);
        continue;
      }
      message = std::move(*plural);
    } else if (auto text = node.value<std::string>(); text && node.is_string()) {
      message.other = std::move(*text);
    } else {
      throw std::invalid_argument(fmt::format("{}: message \"{}\" must be a text", file, key));
    }
    check(file, key, message.one);
    check(file, key, message.other);
    messages.insert_or_assign(std::move(key), std::move(message));
  }
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

/// Calls `text(piece)` and `name(placeholder)` for the pieces of a message, in order.
template <class Text, class Name>
void split(std::string_view message, Text text, Name name) {
  std::size_t from = 0;
  while (from < message.size()) {
    auto open = message.find('{', from);
    auto close = open == std::string_view::npos ? open : message.find('}', open);
    if (close == std::string_view::npos) break;
    auto inner = message.substr(open + 1, close - open - 1);
    if (!is_name(inner)) {
      from = open + 1;
      continue;
    }
    text(message.substr(0, open));
    name(inner);
    message.remove_prefix(close + 1);
    from = 0;
  }
  text(message);
}

}  // namespace

std::string_view language_code(Language language) {
  return language == Language::en ? "en" : "es";
}

void Catalog::add(std::string_view file, std::string_view toml) {
  try {
    auto table = toml::parse(toml, file);
    flatten(file, "", table, messages_);
  } catch (toml::parse_error const& error) {
    auto const& where = error.source().begin;
    throw std::invalid_argument(
        fmt::format("{}:{}:{}: {}", file, where.line, where.column, error.description()));
  }
}

Message const* Catalog::find(std::string_view key) const {
  auto found = messages_.find(key);
  return found == messages_.end() ? nullptr : &found->second;
}

std::string Catalog::text(std::string_view key, JsonObject const& values) const {
  auto const* message = find(key);
  if (!message) return std::string(key);
  if (message->has_plural()) {
    auto const* count = values.if_contains("count");
    if (count && plain_text(*count) == "1") return fill(message->one, values);
  }
  return fill(message->other, values);
}

std::vector<std::string> Catalog::keys() const {
  std::vector<std::string> keys;
  for (auto const& [key, message] : messages_) keys.push_back(key);
  return keys;
}

std::string fill(std::string_view message, JsonObject const& values) {
  if (message.find('{') == std::string_view::npos) return std::string(message);
  return with_names(message, [&](std::string_view name) {
    auto const* value = values.if_contains(name);
    return value ? plain_text(*value) : fmt::format("{{{}}}", name);
  });
}

std::string plain_text(Json const& value) {
  if (value.is_null()) return {};
  if (auto const* text = value.if_string()) return std::string(*text);
  if (auto const* number = value.if_double()) return fmt::format("{}", *number);
  return boost::json::serialize(value);
}

std::string with_names(std::string_view message,
                       std::function<std::string(std::string_view)> const& name) {
  std::string result;
  split(
      message, [&](std::string_view text) { result += text; },
      [&](std::string_view placeholder) { result += name(placeholder); });
  return result;
}

std::vector<std::string> placeholders(std::string_view message) {
  std::vector<std::string> names;
  split(message, [](std::string_view) {}, [&](std::string_view name) { names.emplace_back(name); });
  return names;
}

}  // namespace minga::web
