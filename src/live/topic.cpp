#include "live/topic.hpp"

#include <minga/error.hpp>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "records/store.hpp"

#include <fmt/format.h>

namespace minga::live {
namespace {

constexpr std::size_t kLongest = 2'500;

Error bad_topic(std::string_view topic, std::string_view why) {
  return Error::invalid(
      "topic", "validation_invalid_value",
      fmt::format("The topic '{}' cannot be subscribed to: {}.", shown(topic), why));
}

/// The `query` object of the options; a topic without options has none.
JsonObject query_of(std::string_view topic, std::string_view options) {
  auto const decoded = percent_decode(options);
  boost::system::error_code failure;
  auto const parsed = decoded ? read_json(*decoded, failure) : Json(nullptr);
  if (!decoded || failure || !parsed.is_object())
    throw bad_topic(topic, "its options are no JSON object");
  auto const* query = parsed.get_object().if_contains("query");
  return query != nullptr && query->is_object() ? query->get_object() : JsonObject{};
}

std::string event(std::string_view id, std::string_view name, JsonObject const& data) {
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id, name, json_text(data));
}

}  // namespace

Topic::Topic(std::string text) : text_(std::move(text)) {
  if (text_.size() > kLongest || text_.find_first_of("\r\n") != std::string::npos)
    throw bad_topic(text_, "it is too long or has line ends");
  auto path = std::string_view(text_);
  auto const question = path.find('?');
  if (question != std::string_view::npos) {
    constexpr std::string_view kOptions = "options=";
    auto const options = path.substr(question + 1);
    path = path.substr(0, question);
    if (!options.starts_with(kOptions)) throw bad_topic(text_, "options= is expected after ?");
    auto const query = query_of(text_, options.substr(kOptions.size()));
    for (auto const* unsupported : {"filter", "expand"}) {
      auto const* value = query.if_contains(unsupported);
      auto const set = value != nullptr && !(value->is_string() && value->get_string().empty());
      if (set) throw bad_topic(text_, fmt::format("the option {} is not served yet", unsupported));
    }
    if (auto const* fields = query.if_contains("fields"); fields != nullptr && fields->is_string())
      fields_ = fields->get_string();
  }
  if (path.empty()) throw bad_topic(text_, "it names no collection");
  auto const slash = path.find('/');
  collection_ = path.substr(0, slash);
  if (slash != std::string_view::npos && path.substr(slash + 1) != "*")
    record_id_ = path.substr(slash + 1);
  (void)records::FieldSelection(fields_);  // says now what is wrong with it
}

bool Topic::matches(records::Definition const& definition, records::Change const& change) const {
  if (collection_ != definition.id && !equals_ignoring_case(collection_, definition.name))
    return false;
  if (record_id_.empty()) return definition.list_rule.has_value();
  return record_id_ == change.record_id && definition.view_rule.has_value();
}

std::string event_text(Topic const& topic, records::Change const& change,
                       records::Definition const& definition, std::string const& epoch) {
  auto const position = records::Position{epoch, change.place}.text();
  Json record = change.record;
  records::hide_fields(definition, record.get_object());
  records::FieldSelection(topic.fields()).apply(record);
  JsonObject data;
  data["action"] = records::name(change.action);
  data["record"] = std::move(record);
  data["position"] = position;
  return event(position, topic.text(), data);
}

std::string resync_text(Topic const& topic, records::Position const& position) {
  JsonObject data;
  data["action"] = "resync";
  data["record"] = JsonObject{};
  data["position"] = position.text();
  return event(position.text(), topic.text(), data);
}

}  // namespace minga::live
