#include "web/signing.hpp"

#include <charconv>
#include <cstring>
#include <sodium.h>
#include <stdexcept>

namespace minga::web {
namespace {

constexpr std::size_t kNonceBytes = 16;
constexpr auto kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

std::string_view as_text(Signer::Tag const& tag) {
  return {reinterpret_cast<char const*>(tag.data()), tag.size()};
}

bool equals(Signer::Tag const& tag, std::string_view bytes) {
  return bytes.size() == tag.size() && sodium_memcmp(tag.data(), bytes.data(), tag.size()) == 0;
}

std::string masked(std::string_view bytes, std::string_view mask) {
  std::string result(bytes);
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = static_cast<char>(result[i] ^ mask[i]);
  return result;
}

}  // namespace

Signer::Signer(std::string_view secret, std::string_view site) {
  if (secret.size() < 16) {
    throw std::invalid_argument("A site's secret has at least 16 bytes.");
  }
  if (sodium_init() < 0) throw std::runtime_error("libsodium found no source of randomness.");
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, key_.size());
  for (auto part : {secret, std::string_view("\0web\0", 5), site}) {
    crypto_generichash_update(&state, reinterpret_cast<unsigned char const*>(part.data()),
                              part.size());
  }
  crypto_generichash_final(&state, key_.data(), key_.size());
}

Signer::Tag Signer::tag(std::string_view purpose, std::string_view text) const {
  Tag tag{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, key_.data(), key_.size(), tag.size());
  for (auto part : {purpose, std::string_view("\0", 1), text}) {
    crypto_generichash_update(&state, reinterpret_cast<unsigned char const*>(part.data()),
                              part.size());
  }
  crypto_generichash_final(&state, tag.data(), tag.size());
  return tag;
}

std::string to_base64url(std::string_view bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<unsigned char const*>(bytes.data()),
                    bytes.size(), kVariant);
  text.resize(std::strlen(text.c_str()));
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  char const* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, &end, kVariant) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

std::string CsrfTokens::make_cookie() const {
  auto nonce = random_bytes(kNonceBytes);
  return to_base64url(nonce + std::string(as_text(signer_.tag("csrf-cookie", nonce))));
}

bool CsrfTokens::is_valid_cookie(std::string_view cookie) const {
  auto bytes = from_base64url(cookie);
  if (!bytes || bytes->size() != kNonceBytes + Signer::kTagBytes) return false;
  auto whole = std::string_view(*bytes);
  return equals(signer_.tag("csrf-cookie", whole.substr(0, kNonceBytes)),
                whole.substr(kNonceBytes));
}

std::string CsrfTokens::make_token(std::string_view cookie) const {
  auto mask = random_bytes(Signer::kTagBytes);
  return to_base64url(mask + masked(as_text(signer_.tag("csrf-token", cookie)), mask));
}

bool CsrfTokens::matches(std::string_view cookie, std::string_view token) const {
  if (!is_valid_cookie(cookie)) return false;
  auto bytes = from_base64url(token);
  if (!bytes || bytes->size() != 2 * Signer::kTagBytes) return false;
  auto whole = std::string_view(*bytes);
  auto tag = masked(whole.substr(Signer::kTagBytes), whole.substr(0, Signer::kTagBytes));
  return equals(signer_.tag("csrf-token", cookie), tag);
}

std::string NoticeSeal::seal(std::string_view notice,
                             std::chrono::system_clock::time_point now) const {
  auto until = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()) + kLifetime;
  if (notice.size() > kMaxBytes) {
    auto cut = kMaxBytes;
    while (cut > 0 && (static_cast<unsigned char>(notice[cut]) & 0xC0) == 0x80) --cut;
    notice = notice.substr(0, cut);
  }
  auto text = std::to_string(until.count()) + ":" + std::string(notice);
  return to_base64url(std::string(as_text(signer_.tag("notice", text))) + text);
}

std::optional<std::string> NoticeSeal::open(std::string_view cookie,
                                            std::chrono::system_clock::time_point now) const {
  auto bytes = from_base64url(cookie);
  if (!bytes || bytes->size() <= Signer::kTagBytes) return std::nullopt;
  auto text = std::string_view(*bytes).substr(Signer::kTagBytes);
  if (!equals(signer_.tag("notice", text), std::string_view(*bytes).substr(0, Signer::kTagBytes))) {
    return std::nullopt;
  }
  auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::int64_t until = 0;
  auto parsed = std::from_chars(text.data(), text.data() + colon, until);
  if (parsed.ptr != text.data() + colon) return std::nullopt;
  if (std::chrono::system_clock::time_point(std::chrono::seconds(until)) < now) return std::nullopt;
  return std::string(text.substr(colon + 1));
}

}  // namespace minga::web
