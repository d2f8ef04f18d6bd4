#include "http/tls.hpp"

#include <boost/system/error_code.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace minga::http {
namespace {

namespace ssl = boost::asio::ssl;

/// ALPN (RFC 7301): http/1.1 where the client offers it, else no protocol is named.
int choose_protocol(SSL*, unsigned char const** out, unsigned char* out_length,
                    unsigned char const* offered, unsigned int offered_length, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  auto const result = SSL_select_next_proto(const_cast<unsigned char**>(out), out_length, kHttp11,
                                            sizeof kHttp11 - 1, offered, offered_length);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void check(boost::system::error_code const& error, std::string_view what,
           std::filesystem::path const& file) {
  if (error)
    throw std::runtime_error(
        fmt::format("The TLS {} {} cannot be used: {}.", what, file.string(), error.message()));
}

}  // namespace

std::unique_ptr<ssl::context> make_tls_context(Settings const& settings) {
  if (settings.tls_certificate.empty()) return nullptr;
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                       ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 |
                       ssl::context::no_compression);
  boost::system::error_code error;
  context->use_certificate_chain_file(settings.tls_certificate.string(), error);
  check(error, "certificate", settings.tls_certificate);
  context->use_private_key_file(settings.tls_key.string(), ssl::context::pem, error);
  check(error, "key", settings.tls_key);
  if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
    throw std::runtime_error(fmt::format("The TLS key {} does not belong to the certificate {}.",
                                         settings.tls_key.string(),
                                         settings.tls_certificate.string()));
  }
  SSL_CTX_set_alpn_select_cb(context->native_handle(), choose_protocol, nullptr);
  return context;
}

}  // namespace minga::http
