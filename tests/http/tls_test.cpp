/// HTTPS with a certificate made for the test, and the listener that sends plain HTTP there.
#include "http/test_server.hpp"
#include "support/http_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace minga {
namespace {

using boost::asio::ip::tcp;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::RawClient;
using ::testing::StartsWith;
using testing::TestServer;

std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> make_key() {
  return {EVP_EC_gen("P-256"), EVP_PKEY_free};
}

void write_key(EVP_PKEY* key, std::filesystem::path const& path) {
  auto* file = std::fopen(path.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

/// For "localhost", signed by itself, good for an hour.
void write_certificate(EVP_PKEY* key, std::filesystem::path const& path) {
  std::unique_ptr<X509, decltype(&X509_free)> const certificate(X509_new(), X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3'600);
  X509_set_pubkey(certificate.get(), key);
  auto* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<unsigned char const*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key, EVP_sha256());
  auto* file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, certificate.get());
  std::fclose(file);
}

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "minga-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
    folder = name;
    auto const key = make_key();
    write_key(key.get(), folder / "key.pem");
    write_certificate(key.get(), folder / "certificate.pem");
  }
  ~TlsTest() override { std::filesystem::remove_all(folder); }

  http::Settings settings() const {
    auto settings = TestServer::settings();
    settings.tls_certificate = folder / "certificate.pem";
    settings.tls_key = folder / "key.pem";
    return settings;
  }

  std::string failure_of_start(http::Settings settings) {
    try {
      TestServer const server(std::move(settings));
    } catch (std::runtime_error const& error) {
      return error.what();
    }
    return {};
  }

  std::filesystem::path folder;
};

/// A client that trusts the test's certificate alone.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, std::filesystem::path const& certificate, int version = 0) {
    context_.load_verify_file(certificate.string());
    context_.set_verify_mode(boost::asio::ssl::verify_peer);
    if (version != 0) {
      SSL_CTX_set_min_proto_version(context_.native_handle(), version);
      SSL_CTX_set_max_proto_version(context_.native_handle(), version);
      SSL_CTX_set_security_level(context_.native_handle(), 0);
    }
    stream_ = std::make_unique<boost::asio::ssl::stream<tcp::socket>>(io_, context_);
    constexpr unsigned char kOffered[] = "\x02h2\x08http/1.1";
    SSL_set_alpn_protos(stream_->native_handle(), kOffered, sizeof kOffered - 1);
    stream_->next_layer().connect({boost::asio::ip::address_v4::loopback(), port});
    stream_->handshake(boost::asio::ssl::stream_base::client);
  }
  std::string protocol() {
    unsigned char const* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(stream_->native_handle(), &name, &size);
    return {reinterpret_cast<char const*>(name), size};
  }
  void send(std::string const& bytes) { boost::asio::write(*stream_, boost::asio::buffer(bytes)); }
  /// All until the server closes; its close must be TLS's own, so that nothing was cut off.
  std::string read_all() {
    std::string received;
    boost::system::error_code error;
    boost::asio::read(*stream_, boost::asio::dynamic_buffer(received), error);
    EXPECT_EQ(error, boost::asio::error::eof);
    return received;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  std::unique_ptr<boost::asio::ssl::stream<tcp::socket>> stream_;
};

TEST_F(TlsTest, ServesOverTls) {
  TestServer server(settings());
  EXPECT_THAT(server.url(), StartsWith("https://"));
  TlsClient client(server.port(), folder / "certificate.pem");
  EXPECT_EQ(client.protocol(), "http/1.1");
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
      "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  auto const received = client.read_all();
  EXPECT_THAT(received.substr(0, 2'000), HasSubstr("\r\n\r\nhelloHTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(received.substr(received.size() - 10), "xxxxxxxxxx");
  EXPECT_GT(received.size(), 16U << 20);
}

TEST_F(TlsTest, RefusesOldVersions) {
  TestServer server(settings());
  EXPECT_THROW(TlsClient(server.port(), folder / "certificate.pem", TLS1_1_VERSION),
               boost::system::system_error);
  TlsClient client(server.port(), folder / "certificate.pem", TLS1_2_VERSION);
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), EndsWith("\r\n\r\n/"));
}

TEST_F(TlsTest, ServesOthersWhileOneDoesNotShakeHands) {
  auto quick = settings();
  quick.header_timeout = std::chrono::milliseconds(1500);
  TestServer server(quick);
  RawClient silent(server.port());
  RawClient plain(server.port());
  plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  TlsClient client(server.port(), folder / "certificate.pem");
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), EndsWith("\r\n\r\n/"));
  EXPECT_EQ(plain.read_all().find("HTTP/"), std::string::npos);
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(server.seen().requests, 1);
}

TEST_F(TlsTest, DrainsConnectionsThatShakeHandsOrWait) {
  TestServer server(settings());
  RawClient silent(server.port());
  TlsClient idle(server.port(), folder / "certificate.pem");
  auto const begin = Clock::now();
  server.stop(std::chrono::seconds(20));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
}

/// A port that was free a moment ago: the redirecting listener's cannot be left to the kernel.
std::uint16_t free_port() {
  boost::asio::io_context io;
  return tcp::acceptor(io, {boost::asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
}

TEST_F(TlsTest, SendsPlainHttpToHttps) {
  auto redirecting = settings();
  redirecting.redirect_port = free_port();
  TestServer server(redirecting);
  auto const base = "https://example.org:" + std::to_string(server.port());
  struct Case {
    char const* method;
    char const* host;
    int status;
  };
  for (auto const& [method, host, status] : {
           Case{"GET", "example.org", 301},
           Case{"HEAD", "example.org:80", 301},
           Case{"POST", "example.org:8080", 308},
           Case{"OPTIONS", "example.org", 308},
       }) {
    RawClient client(redirecting.redirect_port);
    client.send(std::string(method) + " /a%20b?c=d HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    auto const answer = client.read_answer(true);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, status) << method;
    EXPECT_EQ(answer->header("location"), base + "/a%20b?c=d");
  }
  RawClient client(redirecting.redirect_port);
  client.send("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_answer()->header("location"),
            "https://[::1]:" + std::to_string(server.port()) + "/");
  EXPECT_EQ(client.read_answer()->status, 400);
  EXPECT_EQ(server.seen().requests, 0);
}

TEST_F(TlsTest, SaysWhatIsWrongWithItsFiles) {
  auto missing = settings();
  missing.tls_certificate = folder / "none.pem";
  EXPECT_THAT(failure_of_start(missing), HasSubstr("none.pem"));

  write_key(make_key().get(), folder / "other.pem");
  auto foreign = settings();
  foreign.tls_key = folder / "other.pem";
  EXPECT_THAT(failure_of_start(foreign), HasSubstr("other.pem"));

  std::ofstream(folder / "noise.pem") << "no certificate";
  auto noise = settings();
  noise.tls_certificate = folder / "noise.pem";
  EXPECT_THAT(failure_of_start(noise), HasSubstr("noise.pem"));
}

}  // namespace
}  // namespace minga
