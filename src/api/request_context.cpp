#include "api/request_context.hpp"

#include <minga/error.hpp>

#include "base/text.hpp"
#include "http/conditional.hpp"
#include "http/prefer.hpp"
#include "http/request_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sodium.h>

namespace minga::api {
namespace {

constexpr std::size_t kLongestKey = 255;
constexpr std::size_t kShortestGuestKey = 16;

bool is_writing(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch ||
         method == Method::delete_;
}

void check_key(std::string_view key) {
  auto const visible =
      std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (visible && key.size() >= kShortestGuestKey && key.size() <= kLongestKey) return;
  throw Error::bad_request("An Idempotency-Key has 16 to 255 visible ASCII characters.");
}

Async<std::string> hash_of(Request& request) {
  // A streamed body is no part of the hash: it is read by its handler, once.
  std::string_view body;
  if (!request.impl().streams_body) body = co_await request.body();
  std::array<unsigned char, 32> hash{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, hash.size());
  for (auto const part : {request.method_name(), std::string_view("\n"), request.target(),
                          std::string_view("\n"), body}) {
    crypto_generichash_update(&state, reinterpret_cast<unsigned char const*>(part.data()),
                              part.size());
  }
  crypto_generichash_final(&state, hash.data(), hash.size());
  std::string hex(hash.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  hex.pop_back();
  co_return hex;
}

/// What a writing request keeps in its attachment.
Async<records::Idempotency*> idempotency_of(Request& request) {
  auto& attachment = request.impl().attachment;
  if (!attachment) {
    auto const key = request.header("Idempotency-Key");
    check_key(key);
    auto made = std::make_shared<records::Idempotency>();
    made->scope = "guest";
    made->key = key;
    made->request_hash = co_await hash_of(request);
    attachment = made;
  }
  co_return static_cast<records::Idempotency*>(attachment.get());
}

/// What a reading request keeps in it.
sql::ReplicaReads* reads_of(Request& request) {
  auto& attachment = request.impl().attachment;
  if (!attachment) attachment = std::make_shared<sql::ReplicaReads>();
  return static_cast<sql::ReplicaReads*>(attachment.get());
}

std::optional<records::Position> position_of(Request const& request) {
  if (!request.has_header("Minga-Position")) return std::nullopt;
  auto const text = request.header("Minga-Position");
  auto position = records::Position::parse(text);
  if (position) return position;
  throw Error::bad_request(
      fmt::format("'{}' is no Minga-Position: send back what a write's answer gave.", shown(text)));
}

/// A request that writes decides by what it reads: the primary answers all of that.
void allow_replicas(Request& request, records::Context& context) {
  if (request.method() != Method::get && request.method() != Method::head) return;
  context.reads = reads_of(request);
  context.after = position_of(request);
  auto const preferred = preference(request, "read");
  if (preferred == "replica" || preferred == "primary")
    context.prefers_replica = preferred == "replica";
}

}  // namespace

std::string preference(Request const& request, std::string_view name) {
  return http::preferred(request.header("Prefer"), name);
}

std::optional<std::vector<std::string>> if_match_tags(Request const& request) {
  if (!request.has_header("If-Match")) return std::nullopt;
  return http::listed_tags(request.header("If-Match"));
}

Async<records::Context> make_context(Request& request, Rules rules) {
  records::Context context;
  context.bypasses_rules = rules == Rules::bypassed;
  context.deadline = request.deadline();
  context.if_match = if_match_tags(request);
  auto const& form_version = request.impl().form_version;
  if (!context.if_match && !form_version.empty()) {
    context.if_match.emplace(1, form_version);
    context.passes_when_done = true;
  }
  context.strict = preference(request, "handling") == "strict";
  allow_replicas(request, context);
  auto const has_key = is_writing(request.method()) && request.has_header("Idempotency-Key");
  if (has_key) context.idempotency = co_await idempotency_of(request);
  co_return context;
}

void mark_answer(Request& request, records::Context const& context) {
  auto& headers = request.impl().answer_headers;
  if (!context.position.empty()) headers.emplace_back("Minga-Position", context.position);
  if (context.idempotency != nullptr && context.idempotency->replayed)
    headers.emplace_back("Idempotent-Replayed", "true");
}

void mark_reads(Request& request, records::Context const& context) {
  if (context.reads == nullptr || context.prefers_replica != true) return;
  constexpr std::string_view kApplied = "read=replica";
  auto& headers = request.impl().answer_headers;
  std::erase_if(headers, [&](auto const& header) { return header.second == kApplied; });
  if (context.reads->is_from_replica()) mark_preference(request, kApplied);
}

void mark_preference(Request& request, std::string_view applied) {
  constexpr char const* kName = "Preference-Applied";
  for (auto& [name, value] : request.impl().answer_headers) {
    if (name != kName) continue;
    value = fmt::format("{}, {}", value, applied);
    return;
  }
  request.impl().answer_headers.emplace_back(kName, applied);
}

std::int64_t whole_number(Request const& request, std::string_view name, std::int64_t fallback) {
  auto const text = request.query(name);
  if (!text || text->empty()) return fallback;
  std::int64_t number = 0;
  auto const [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error == std::errc{} && end == text->data() + text->size()) return number;
  throw Error::invalid(name, "validation_invalid_value",
                       fmt::format("'{}' is no whole number.", *text));
}

bool truth(Request const& request, std::string_view name) {
  auto const text = std::string(request.query(name).value_or(""));
  auto const is = [&](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
      return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                        [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
    });
  };
  if (is({"1", "t", "true"})) return true;
  if (text.empty() || is({"0", "f", "false"})) return false;
  throw Error::invalid(name, "validation_invalid_value",
                       fmt::format("'{}' is neither true nor false.", text));
}

}  // namespace minga::api
