// The body of a request in the forms handlers want: JSON, form fields, parts.
#include <minga/request.hpp>

#include "base/text.hpp"
#include "http/forms.hpp"
#include "http/media_type.hpp"
#include "http/multipart.hpp"
#include "http/request_impl.hpp"

#include <fmt/format.h>

#include <array>

namespace minga {
namespace {

Error unsupported(std::string_view type, std::string_view expected) {
  return Error(415, "unsupported_media_type",
               fmt::format("The Content-Type '{}' is not understood here: {} is expected.",
                           shown(type), expected));
}

/// Pulls a multipart body through its parser; the part that is being read looks at it through this.
class MultipartReader {
 public:
  using Event = http::MultipartParser::Event;

  MultipartReader(Request& request, std::string const& boundary)
      : request_(request), parser_(boundary, request.impl().settings->max_parts) {}

  Async<Event> next() {
    for (;;) {
      auto const event = parser_.next();
      if (event != Event::need_more) co_return event;
      auto const size = co_await request_.read_some(chunk_);
      total_ += size;
      if (total_ > request_.impl().settings->max_body_bytes) throw Error::too_large();
      if (total_ == 0) co_return Event::end;  // an absent body has no parts
      if (size == 0) parser_.finish();
      parser_.push(std::string_view(chunk_.data(), size));
    }
  }

  http::MultipartParser& parser() { return parser_; }

 private:
  Request& request_;
  http::MultipartParser parser_;
  std::array<char, 16 * 1024> chunk_;
  std::size_t total_ = 0;
};

class CurrentPart : public Part {
 public:
  explicit CurrentPart(MultipartReader& reader) : reader_(reader), head_(reader.parser().head()) {}

  std::string const& name() const override { return head_.name; }
  std::optional<std::string> const& filename() const override { return head_.filename; }
  std::string const& content_type() const override { return head_.content_type; }

  Async<std::size_t> read_some(std::span<char> buffer) override {
    while (waiting_.empty() && !ended_) {
      ended_ = co_await reader_.next() == MultipartReader::Event::part_end;
      if (!ended_) waiting_ = reader_.parser().data();
    }
    auto const size = waiting_.copy(buffer.data(), buffer.size());
    waiting_.remove_prefix(size);
    co_return size;
  }

  Async<void> skip() {
    while (!ended_) ended_ = co_await reader_.next() == MultipartReader::Event::part_end;
  }

 private:
  MultipartReader& reader_;
  http::PartHead head_;
  std::string_view waiting_;
  bool ended_ = false;
};

Async<void> add_part(http::FormFields* fields, Part& part) {
  std::string value;
  std::array<char, 4096> buffer;
  for (;;) {
    auto const size = co_await part.read_some(buffer);
    if (size == 0) break;
    value.append(buffer.data(), size);
  }
  if (part.filename()) co_return;  // files have fields of their own kind
  fields->add(part.name(), value);
}

Json json_of(std::string_view body, std::size_t max_depth) {
  if (trim(body).empty()) return JsonObject{};
  return http::parse_json(body, max_depth);
}

/// Kept for a page that shows it again.
Async<JsonObject> kept_input(Request& request) {
  auto& kept = request.impl().parsed_input;
  if (!kept) {
    auto fields = co_await take_input(request);
    kept = std::move(fields);
  }
  co_return *kept;
}

}  // namespace

Async<Json> Request::json() {
  auto const text = co_await body();
  co_return json_of(text, impl_->settings->max_json_depth);
}

Async<void> Request::multipart(std::function<Async<void>(Part&)> each) {
  auto const boundary = http::multipart_boundary(header("Content-Type"));
  if (!boundary) throw unsupported(header("Content-Type"), "multipart/form-data with a boundary");
  impl_->check_announced_length(impl_->settings->max_body_bytes);
  auto const reader = std::make_unique<MultipartReader>(*this, *boundary);
  for (;;) {
    auto const event = co_await reader->next();
    if (event == MultipartReader::Event::end) co_return;
    CurrentPart part(*reader);
    co_await each(part);
    co_await part.skip();
  }
}

Async<JsonObject> Request::input() {
  auto const may_be_shown = http::is_form(http::media_type(*this)) || format() == Format::html;
  return may_be_shown ? kept_input(*this) : take_input(*this);
}

Async<JsonObject> take_input(Request& request) {
  auto& impl = request.impl();
  if (impl.parsed_input) co_return std::move(*impl.parsed_input);
  if (!impl.source && !impl.collected) co_return JsonObject{};
  auto const type = ascii_lower(http::media_type(request));
  auto const depth = impl.settings->max_json_depth;
  if (type == "multipart/form-data") {
    http::FormFields form(depth);
    std::function<Async<void>(Part&)> const each = [target = &form](Part& part) {
      return add_part(target, part);
    };
    co_await request.multipart(each);
    co_return form.take();
  }
  auto text = body_at_hand(request);
  if (!text) text = co_await request.body();
  if (text->empty()) co_return JsonObject{};
  if (type == "application/x-www-form-urlencoded") {
    http::FormFields form(depth);
    for (auto const& [name, value] : http::parse_urlencoded(*text)) form.add(name, value);
    co_return form.take();
  }
  if (type == "application/json" || type.ends_with("+json") || type.empty()) {
    auto value = json_of(*text, depth);
    if (!value.is_object()) throw Error::bad_request("The body must be a JSON object.");
    co_return std::move(value.get_object());
  }
  throw unsupported(type,
                    "application/json, multipart/form-data or application/x-www-form-urlencoded");
}

}  // namespace minga
