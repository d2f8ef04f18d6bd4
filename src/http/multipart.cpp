#include "http/multipart.hpp"

#include <minga/error.hpp>

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::http {
namespace {

constexpr std::size_t kMaxHead = 16 * 1024;
constexpr std::string_view kLine = "\r\n";

[[noreturn]] void malformed(std::string_view what) {
  throw Error::bad_request(fmt::format("The multipart body is malformed: {}.", what));
}

/// `; name="value"` of a header's value: quoted with backslash escapes of " and \, or a token.
std::optional<std::string> parameter(std::string_view value, std::string_view name) {
  std::size_t at = value.find(';');
  while (at != std::string_view::npos && at < value.size()) {
    ++at;
    while (at < value.size() && (value[at] == ' ' || value[at] == '\t')) ++at;
    auto const equals = value.find_first_of("=;", at);
    if (equals == std::string_view::npos || value[equals] == ';') {
      at = equals;
      continue;
    }
    auto const key = trim(value.substr(at, equals - at));
    std::string text;
    at = equals + 1;
    if (at < value.size() && value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) {
        auto const escaped = value[at] == '\\' && at + 1 < value.size() &&
                             (value[at + 1] == '"' || value[at + 1] == '\\');
        if (escaped) ++at;
        text.push_back(value[at]);
      }
      if (at >= value.size()) return std::nullopt;
      at = value.find(';', at);
    } else {
      auto const end = std::min(value.find(';', at), value.size());
      text = trim(value.substr(at, end - at));
      at = end == value.size() ? std::string_view::npos : end;
    }
    if (equals_ignoring_case(key, name)) return text;
  }
  return std::nullopt;
}

PartHead parse_head(std::string_view lines) {
  PartHead head;
  head.content_type = "text/plain";
  bool named = false;
  while (!lines.empty()) {
    auto const end = std::min(lines.find(kLine), lines.size());
    auto const line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + kLine.size(), lines.size()));
    auto const colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) malformed("a part's header has no name");
    auto const name = line.substr(0, colon);
    auto const value = trim(line.substr(colon + 1));
    if (equals_ignoring_case(name, "Content-Type")) head.content_type = value;
    if (!equals_ignoring_case(name, "Content-Disposition")) continue;
    auto found = parameter(value, "name");
    if (!ascii_lower(value).starts_with("form-data") || !found)
      malformed("a part is no form-data with a name");
    head.name = std::move(*found);
    head.filename = parameter(value, "filename");
    named = true;
  }
  if (!named) malformed("a part has no Content-Disposition");
  return head;
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  auto const type = trim(content_type.substr(0, content_type.find(';')));
  if (!equals_ignoring_case(type, "multipart/form-data")) return std::nullopt;
  auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 70) return std::nullopt;
  return boundary;
}

MultipartParser::MultipartParser(std::string const& boundary, std::size_t max_parts)
    : delimiter_("\r\n--" + boundary), max_parts_(max_parts), buffer_(kLine) {}

void MultipartParser::push(std::string_view bytes) {
  buffer_.erase(0, used_);
  used_ = 0;
  buffer_.append(bytes);
}

void MultipartParser::finish() const {
  if (state_ != State::done) malformed("it ends before its last boundary");
}

MultipartParser::Event MultipartParser::next() {
  switch (state_) {
    case State::preamble:
      return find_first_boundary();
    case State::after_boundary:
      return pass_boundary_line();
    case State::head:
      return read_head();
    case State::body:
      return read_body();
    case State::done:
      return Event::end;
  }
  return Event::end;
}

MultipartParser::Event MultipartParser::find_first_boundary() {
  auto const found = buffer_.find(delimiter_, used_);
  if (found == std::string::npos) {
    auto const unseen = buffer_.size() - used_;
    if (unseen > kMaxHead) malformed("its boundary does not occur");
    return Event::need_more;
  }
  used_ = found + delimiter_.size();
  state_ = State::after_boundary;
  return next();
}

MultipartParser::Event MultipartParser::pass_boundary_line() {
  auto const rest = std::string_view(buffer_).substr(used_);
  if (rest.size() < 2) return Event::need_more;
  if (rest.starts_with("--")) {
    state_ = State::done;
    used_ = buffer_.size();
    return Event::end;
  }
  auto const end = rest.find(kLine);
  if (end == std::string_view::npos) {
    if (rest.size() > 256) malformed("a boundary's line does not end");
    return Event::need_more;
  }
  if (!trim(rest.substr(0, end)).empty()) malformed("text follows a boundary");
  if (++parts_ > max_parts_) {
    throw Error::bad_request(fmt::format("The multipart body has more than {} parts.", max_parts_));
  }
  used_ += end + kLine.size();
  state_ = State::head;
  return next();
}

MultipartParser::Event MultipartParser::read_head() {
  auto const rest = std::string_view(buffer_).substr(used_);
  auto const end = rest.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (rest.size() > kMaxHead)
      malformed(fmt::format("a part's head is longer than {} bytes", kMaxHead));
    return Event::need_more;
  }
  head_ = parse_head(rest.substr(0, end));
  used_ += end + 2 * kLine.size();
  state_ = State::body;
  data_ = {};
  return Event::part_begin;
}

MultipartParser::Event MultipartParser::read_body() {
  auto const rest = std::string_view(buffer_).substr(used_);
  auto const found = rest.find(delimiter_);
  if (found == 0) {
    used_ += delimiter_.size();
    state_ = State::after_boundary;
    return Event::part_end;
  }
  // What could be the beginning of a boundary is kept back.
  auto const kept = delimiter_.size() - 1;
  auto const certain =
      found != std::string_view::npos ? found : (rest.size() > kept ? rest.size() - kept : 0);
  if (certain == 0) return Event::need_more;
  data_ = rest.substr(0, certain);
  used_ += certain;
  return Event::data;
}

}  // namespace minga::http
