#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace minga::web {

/// Signs what a browser keeps for us: keyed BLAKE2b (libsodium), with a purpose, so that what was
/// signed for one is worth nothing for another. Immutable; used from any thread.
class Signer {
 public:
  static constexpr std::size_t kTagBytes = 16;
  using Tag = std::array<std::uint8_t, kTagBytes>;

  /// std::invalid_argument when the secret is shorter than 16 bytes.
  Signer(std::string_view secret, std::string_view site);
  Tag tag(std::string_view purpose, std::string_view text) const;

 private:
  std::array<std::uint8_t, 32> key_{};
};

std::string to_base64url(std::string_view bytes);
/// Nothing when it is not base64url without padding.
std::optional<std::string> from_base64url(std::string_view text);

/// Signed double-submit tokens: a cookie holds a random browser secret and its tag; a form's token
/// is a tag of that secret, masked anew on each page so that a compressed answer gives nothing away
/// about it (BREACH).
class CsrfTokens {
 public:
  explicit CsrfTokens(Signer const& signer) : signer_(signer) {}

  std::string make_cookie() const;
  bool is_valid_cookie(std::string_view cookie) const;
  /// `cookie` is a valid one.
  std::string make_token(std::string_view cookie) const;
  bool matches(std::string_view cookie, std::string_view token) const;

 private:
  Signer const& signer_;
};

/// A notice on its way through a cookie: its text, signed, with the time after which it is stale.
class NoticeSeal {
 public:
  /// A longer notice is cut, for a cookie holds about 4,000 bytes.
  static constexpr std::size_t kMaxBytes = 1'500;
  static constexpr std::chrono::seconds kLifetime{300};

  explicit NoticeSeal(Signer const& signer) : signer_(signer) {}
  std::string seal(std::string_view notice, std::chrono::system_clock::time_point now) const;
  /// Nothing when it is forged or stale.
  std::optional<std::string> open(std::string_view cookie,
                                  std::chrono::system_clock::time_point now) const;

 private:
  Signer const& signer_;
};

}  // namespace minga::web
