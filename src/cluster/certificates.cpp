#include "cluster/certificates.hpp"

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>
#include <stdexcept>

namespace minga::cluster {
namespace {

constexpr long kDay = 24L * 60 * 60;
constexpr long kAuthorityDays = 20 * 365;
constexpr long kMemberDays = 10 * 365;
constexpr long kEarlyDays = 1;  // clocks of other machines may be behind
constexpr long kRenewalDays = 30;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

[[noreturn]] void fail(char const* what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  throw std::runtime_error(fmt::format("{} failed: {}.", what, text.data()));
}

void require(bool good, char const* what) {
  if (!good) fail(what);
}

std::string text_of(Bio const& bio) {
  char* data = nullptr;
  auto const size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem(X509* certificate) {
  Bio const bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_X509(bio.get(), certificate) == 1, "Writing a certificate");
  return text_of(bio);
}

std::string pem(EVP_PKEY* key) {
  Bio const bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr,
                                               nullptr) == 1,
          "Writing a private key");
  return text_of(bio);
}

Bio reading(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

X509Ptr read_certificate(std::string_view text) {
  auto const bio = reading(text);
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  require(certificate != nullptr, "Reading a certificate");
  return certificate;
}

Key read_key(std::string_view text) {
  auto const bio = reading(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  require(key != nullptr, "Reading a private key");
  return key;
}

void set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  require(RAND_bytes(bytes.data(), bytes.size()) == 1, "Drawing a serial number");
  bytes[0] &= 0x7f;
  std::unique_ptr<BIGNUM, Freed<BN_free>> const number(
      BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  require(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)),
          "Setting a serial number");
}

void set_name(X509_NAME* name, std::string_view common) {
  auto const cut = common.substr(0, 64);  // RFC 5280's bound of a common name
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<unsigned char const*>(cut.data()),
                                     static_cast<int>(cut.size()), -1, 0) == 1,
          "Naming a certificate");
}

void extend(X509* certificate, X509* issuer, int what, std::string const& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  Extension const extension(X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1,
          "Extending a certificate");
}

X509Ptr blank(EVP_PKEY* key, std::string_view name, long days) {
  X509Ptr certificate(X509_new());
  require(certificate != nullptr, "Making a certificate");
  auto* made = certificate.get();
  X509_set_version(made, X509_VERSION_3);
  set_serial(made);
  X509_gmtime_adj(X509_getm_notBefore(made), -kEarlyDays * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made), days * kDay);
  set_name(X509_get_subject_name(made), name);
  require(X509_set_pubkey(made, key) == 1, "Making a certificate");
  return certificate;
}

void sign(X509* certificate, EVP_PKEY* key) {
  require(X509_sign(certificate, key, EVP_sha256()) > 0, "Signing a certificate");
}

bool is_address(std::string const& host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

std::string alternative_names(std::vector<std::string> const& hosts) {
  std::string names;
  for (auto const& host : hosts) {
    names +=
        fmt::format("{}{}:{}", names.empty() ? "" : ",", is_address(host) ? "IP" : "DNS", host);
  }
  return names;
}

}  // namespace

Certificate make_authority(std::string_view set) {
  Key const key(EVP_EC_gen("P-256"));
  require(key != nullptr, "Making a key");
  auto const certificate =
      blank(key.get(), fmt::format("minga replica set {}", set), kAuthorityDays);
  auto* made = certificate.get();
  X509_set_issuer_name(made, X509_get_subject_name(made));
  extend(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  extend(made, made, NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(made, made, NID_subject_key_identifier, "hash");
  sign(made, key.get());
  return {pem(made), pem(key.get())};
}

Certificate issue_certificate(Certificate const& authority, std::string_view name,
                              std::vector<std::string> const& hosts) {
  auto const issuer = read_certificate(authority.certificate);
  auto const issuer_key = read_key(authority.key);
  Key const key(EVP_EC_gen("P-256"));
  require(key != nullptr, "Making a key");
  auto const certificate = blank(key.get(), name, kMemberDays);
  auto* made = certificate.get();
  X509_set_issuer_name(made, X509_get_subject_name(issuer.get()));
  extend(made, issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  extend(made, issuer.get(), NID_key_usage, "critical,digitalSignature");
  // etcd's gateway calls etcd itself with the server's certificate: it is a client's, too.
  extend(made, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  extend(made, issuer.get(), NID_authority_key_identifier, "keyid");
  if (!hosts.empty()) {
    extend(made, issuer.get(), NID_subject_alt_name, alternative_names(hosts));
  }
  sign(made, issuer_key.get());
  return {pem(made), pem(key.get())};
}

bool is_good_certificate(std::string_view certificate, Certificate const& authority,
                         std::string const& host) {
  auto const checked = read_certificate(certificate);
  auto const issuer = read_certificate(authority.certificate);
  if (X509_verify(checked.get(), X509_get0_pubkey(issuer.get())) != 1) return false;
  auto soon = std::time(nullptr) + kRenewalDays * kDay;
  if (X509_cmp_time(X509_get0_notAfter(checked.get()), &soon) <= 0) return false;
  return is_address(host)
             ? X509_check_ip_asc(checked.get(), host.c_str(), 0) == 1
             : X509_check_host(checked.get(), host.data(), host.size(), 0, nullptr) == 1;
}

}  // namespace minga::cluster
