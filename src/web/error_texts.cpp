#include "web/error_texts.hpp"

#include <fmt/format.h>

namespace minga::web {
namespace {

std::string_view text_of(JsonObject const& error, std::string_view key) {
  auto const* value = error.if_contains(key);
  auto const* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view{};
}

}  // namespace

std::string ErrorTexts::heading(int status) const {
  auto key = fmt::format("headings.{}", status);
  return catalog_.text(catalog_.find(key) ? key : "headings.other", {});
}

std::string ErrorTexts::explanation(Error const& error) const {
  for (auto const& key : {fmt::format("explanations.{}", error.code()),
                          fmt::format("explanations.{}", error.status())}) {
    if (catalog_.find(key)) return catalog_.text(key, {});
  }
  return sentence(error.message());
}

std::string ErrorTexts::sentence(std::string_view english) const {
  auto const* found = catalog_.find(fmt::format("sentences.{}", english));
  return found ? found->other : std::string(english);
}

std::string ErrorTexts::field_message(std::string_view field, JsonObject const& error) const {
  auto code = text_of(error, "code");
  auto const* params = error.if_contains("params");
  auto values = params && params->is_object() ? params->get_object() : JsonObject{};
  values["reason"] = text_of(error, "message");
  for (auto const& key :
       {fmt::format("errors.{}.{}", field, code), fmt::format("codes.{}", code)}) {
    if (catalog_.find(key)) return catalog_.text(key, values);
  }
  return sentence(text_of(error, "message"));
}

std::string ErrorTexts::label(std::string_view field) const {
  auto const* found = catalog_.find(fmt::format("fields.{}", field));
  return found ? found->other : std::string(field);
}

void ErrorTexts::translate(JsonObject& data) const {
  for (auto& [field, value] : data) {
    auto* object = value.if_object();
    if (!object) continue;
    if (object->contains("code") && object->contains("message")) {
      object->at("message") = field_message(field, *object);
    } else {
      translate(*object);
    }
  }
}

}  // namespace minga::web
