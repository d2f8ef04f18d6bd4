#pragma once

#include <minga/json.hpp>

#include "records/changes.hpp"
#include "records/schema.hpp"

#include <string>
#include <string_view>

namespace minga::live {

/// What a subscriber listens to: `posts/*`, bare `posts`, or `posts/ID`, with options behind it
/// (API.md section 6).
class Topic {
 public:
  /// Throws Error 400 for options that are malformed, or that this version does not evaluate
  /// (filter, expand).
  explicit Topic(std::string text);

  /// As subscribed, byte for byte: the event's name.
  std::string const& text() const { return text_; }
  bool matches(records::Definition const& definition, records::Change const& change) const;
  std::string const& fields() const { return fields_; }

 private:
  std::string text_;
  std::string collection_;
  std::string record_id_;  // empty: all records
  std::string fields_;
};

/// One event of a stream: `record` without the fields that are hidden, cut to the topic's `fields`.
std::string event_text(Topic const& topic, records::Change const& change,
                       records::Definition const& definition, std::string const& epoch);

/// "Fetch again, then go on from here."
std::string resync_text(Topic const& topic, records::Position const& position);

}  // namespace minga::live
