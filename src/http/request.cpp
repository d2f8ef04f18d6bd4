#include <minga/request.hpp>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "http/accept.hpp"
#include "http/cookies.hpp"
#include "http/forms.hpp"
#include "http/media_type.hpp"
#include "http/request_impl.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

namespace minga {
namespace {

http::Settings const kDefaultSettings{};

/// A body that is there already.
class TextSource : public BodySource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  Async<std::size_t> read_some(std::span<char> buffer) override {
    auto const size = text_.copy(buffer.data(), buffer.size(), used_);
    used_ += size;
    co_return size;
  }
  std::optional<std::string> take_rest() override {
    return text_.substr(std::exchange(used_, text_.size()));
  }

 private:
  std::string text_;
  std::size_t used_ = 0;
};

std::string_view value_of(std::vector<std::pair<std::string, std::string>> const& pairs,
                          std::string_view name) {
  for (auto const& [key, value] : pairs) {
    if (key == name) return value;
  }
  return {};
}

Method method_of(std::string_view name) {
  if (name == "GET") return Method::get;
  if (name == "HEAD") return Method::head;
  if (name == "POST") return Method::post;
  if (name == "PUT") return Method::put;
  if (name == "PATCH") return Method::patch;
  if (name == "DELETE") return Method::delete_;
  if (name == "OPTIONS") return Method::options;
  return Method::other;
}

}  // namespace

void Request::Impl::set_line(std::string_view name, std::string_view sent_target) {
  method_name = name;
  method = method_of(name);
  target = sent_target;
  raw_path = sent_target.substr(0, sent_target.find('?'));
  if (raw_path.empty()) raw_path = "/";
  auto decoded = percent_decode(raw_path);
  if (!decoded || decoded->find('\0') != std::string::npos || !is_valid_utf8(*decoded)) {
    throw Error::bad_request("The path is not well-formed: percent-encoded UTF-8 is expected.");
  }
  path = std::move(*decoded);
}

namespace {

/// Error 415 for a body that is compressed: taken as it is, it would be bytes without sense.
void check_encoding(Request const& request) {
  auto const encoding = request.header("Content-Encoding");
  if (encoding.empty() || equals_ignoring_case(encoding, "identity")) return;
  throw Error(415, "unsupported_media_type",
              fmt::format("The Content-Encoding '{}' is not understood: send the body as it is.",
                          shown(encoding)));
}

}  // namespace

void Request::Impl::check_announced_length(std::size_t limit) const {
  if (announced_length && *announced_length > limit) throw Error::too_large();
}

Request::Request(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  if (impl_->settings == nullptr) impl_->settings = &kDefaultSettings;
}
Request::~Request() = default;
Request::Request(Request&&) noexcept = default;
Request& Request::operator=(Request&&) noexcept = default;

Method Request::method() const {
  return impl_->method;
}
std::string_view Request::method_name() const {
  return impl_->method_name;
}
std::string_view Request::target() const {
  return impl_->target;
}
std::string_view Request::path() const {
  return impl_->path;
}
std::string_view Request::base() const {
  return impl_->base;
}
std::string Request::url(std::string_view path) const {
  return std::string(base()).append(path);
}
bool Request::is_form() const {
  return http::is_form(http::media_type(*this)) &&
         ascii_lower(header("accept")).find("application/json") == std::string::npos;
}
std::string_view Request::remote_address() const {
  return impl_->remote_address;
}
bool Request::is_secure() const {
  return impl_->secure;
}
std::string_view Request::id() const {
  return impl_->id;
}
Deadline Request::deadline() const {
  return impl_->deadline;
}

std::string_view Request::header(std::string_view name) const {
  for (auto const& [present, value] : impl_->headers) {
    if (equals_ignoring_case(present, name)) return value;
  }
  return {};
}

bool Request::has_header(std::string_view name) const {
  for (auto const& [present, value] : impl_->headers) {
    if (equals_ignoring_case(present, name)) return true;
  }
  return false;
}

std::vector<Request::Pair> const& Request::query_all() const {
  if (!impl_->query) {
    auto const question = impl_->target.find('?');
    auto const text = question == std::string::npos
                          ? std::string_view{}
                          : std::string_view(impl_->target).substr(question + 1);
    impl_->query = http::parse_urlencoded(text);
  }
  return *impl_->query;
}

std::optional<std::string_view> Request::query(std::string_view name) const {
  for (auto const& [key, value] : query_all()) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string_view Request::param(std::string_view name) const {
  return value_of(impl_->params, name);
}

std::optional<std::string_view> Request::cookie(std::string_view name) const {
  if (!impl_->cookies) impl_->cookies = http::parse_cookies(header("Cookie"));
  for (auto const& [key, value] : *impl_->cookies) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Format Request::format() const {
  return http::choose_format(header("Accept"));
}

Language Request::language() const {
  if (impl_->chosen_language) return *impl_->chosen_language;
  return http::choose_language(header("Accept-Language")).value_or(impl_->default_language);
}

Async<std::size_t> Request::read_some(std::span<char> buffer) {
  if (impl_->collected) {
    auto const size = impl_->collected->copy(buffer.data(), buffer.size(), impl_->collected_used);
    impl_->collected_used += size;
    co_return size;
  }
  if (!impl_->source) co_return 0;
  check_encoding(*this);
  co_return co_await impl_->source->read_some(buffer);
}

std::optional<std::string_view> body_at_hand(Request& request, std::size_t limit) {
  auto& impl = request.impl();
  if (impl.collected) return *impl.collected;
  if (limit == 0) limit = impl.settings->max_body_bytes;
  if (impl.source) check_encoding(request);
  impl.check_announced_length(limit);
  auto rest = impl.source ? impl.source->take_rest() : std::string();
  if (!rest) return std::nullopt;
  if (rest->size() > limit) throw Error::too_large();
  impl.collected = std::move(rest);
  return *impl.collected;
}

Async<std::string_view> Request::body(std::size_t limit) {
  if (auto const whole = body_at_hand(*this, limit)) co_return *whole;
  if (limit == 0) limit = impl_->settings->max_body_bytes;
  std::string collected;
  constexpr std::size_t kChunk = 16 * 1024;
  for (;;) {
    auto const used = collected.size();
    if (used > 0 && used == impl_->announced_length) break;
    auto const left = impl_->announced_length.value_or(kChunk + used) - used;
    collected.resize(used + std::min<std::uint64_t>(left, kChunk));
    auto const size = co_await impl_->source->read_some(std::span(collected).subspan(used));
    collected.resize(used + size);
    if (size == 0) break;
    if (collected.size() > limit) throw Error::too_large();
  }
  impl_->collected = std::move(collected);
  co_return *impl_->collected;
}

Response Request::render(std::string_view page, JsonObject model) {
  if (impl_->pages == nullptr)
    throw std::logic_error("The request belongs to no application: it has no pages.");
  return impl_->pages->render(*this, page, std::move(model));
}

std::string Request::text(std::string_view key, JsonObject const& values) const {
  if (impl_->pages == nullptr) return std::string(key);
  return impl_->pages->text(*this, key, values);
}

Request make_request(Method method, std::string target,
                     std::vector<std::pair<std::string, std::string>> headers, std::string body) {
  static std::vector<std::pair<Method, char const*>> const names{
      {Method::get, "GET"},         {Method::head, "HEAD"},   {Method::post, "POST"},
      {Method::put, "PUT"},         {Method::patch, "PATCH"}, {Method::delete_, "DELETE"},
      {Method::options, "OPTIONS"}, {Method::other, "OTHER"}};
  auto impl = std::make_unique<Request::Impl>();
  for (auto const& [known, name] : names) {
    if (known == method) impl->set_line(name, target);
  }
  impl->headers = std::move(headers);
  impl->id = make_request_id();
  if (!body.empty()) impl->source = std::make_unique<TextSource>(std::move(body));
  return Request(std::move(impl));
}

}  // namespace minga
