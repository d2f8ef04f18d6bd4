#include "cluster/certificates.hpp"

#include <minga/error.hpp>

#include "http/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <thread>

namespace minga::cluster {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using namespace std::chrono_literals;

/// A TLS server with the member's certificate, for one client, of whom it asks one, too.
class Server {
 public:
  Server(Certificate const& authority, Certificate const& member)
      : tls_(ssl::context::tls_server),
        acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        port_(acceptor_.local_endpoint().port()) {
    tls_.add_certificate_authority(asio::buffer(authority.certificate));
    tls_.use_certificate_chain(asio::buffer(member.certificate));
    tls_.use_private_key(asio::buffer(member.key), ssl::context::pem);
    tls_.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() { thread_.join(); }
  std::uint16_t port() const { return port_; }

 private:
  void serve() {
    ssl::stream<tcp::socket> stream(acceptor_.accept(), tls_);
    boost::system::error_code error;
    stream.handshake(ssl::stream_base::server, error);
    std::string request;
    if (!error) asio::read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", error);
    static std::string const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    if (!error) asio::write(stream, asio::buffer(answer), error);
  }

  asio::io_context context_;
  ssl::context tls_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::thread thread_;
};

std::string ask(http::ClientTls const& tls, std::uint16_t port) {
  http::Client const client(tls);
  http::ClientRequest request;
  request.host = "127.0.0.1";
  request.port = port;
  asio::io_context context;
  auto answer = asio::co_spawn(context, client.send(request, Clock::now() + 10s), asio::use_future);
  context.run();
  return answer.get().body;
}

TEST(Certificates, MembersOfASetTrustEachOther) {
  auto const authority = make_authority("main");
  auto const one = issue_certificate(authority, "127.0.0.1:5432", {"127.0.0.1"});
  auto const two = issue_certificate(authority, "127.0.0.1:5442", {"127.0.0.1"});
  Server const server(authority, one);
  EXPECT_EQ(ask({authority.certificate, two.certificate, two.key}, server.port()), "hi");
}

TEST(Certificates, AnotherSetsMemberIsAStranger) {
  auto const authority = make_authority("main");
  auto const other = make_authority("main");
  auto const one = issue_certificate(authority, "one", {"127.0.0.1"});
  auto const stranger = issue_certificate(other, "stranger", {"127.0.0.1"});
  {
    Server const server(authority, one);
    EXPECT_THROW(ask({other.certificate, stranger.certificate, stranger.key}, server.port()),
                 Error);
  }
  {
    Server const server(authority, one);
    EXPECT_THROW(ask({authority.certificate, stranger.certificate, stranger.key}, server.port()),
                 Error);
  }
}

TEST(Certificates, AServerMustBeTheHostThatWasAsked) {
  auto const authority = make_authority("main");
  auto const elsewhere = issue_certificate(authority, "elsewhere", {"10.9.9.9", "db.example"});
  Server const server(authority, elsewhere);
  EXPECT_THROW(ask({authority.certificate, elsewhere.certificate, elsewhere.key}, server.port()),
               Error);
}

TEST(Certificates, AreGoodForTheirHostAndAuthorityAlone) {
  auto const authority = make_authority("main");
  auto const issued = issue_certificate(authority, "one", {"10.0.0.1", "fd00::1", "db1.example"});
  for (auto const* host : {"10.0.0.1", "fd00::1", "db1.example"}) {
    EXPECT_TRUE(is_good_certificate(issued.certificate, authority, host)) << host;
  }
  for (auto const* host : {"10.0.0.2", "db2.example"}) {
    EXPECT_FALSE(is_good_certificate(issued.certificate, authority, host)) << host;
  }
  EXPECT_FALSE(is_good_certificate(issued.certificate, make_authority("main"), "10.0.0.1"));
}

TEST(Certificates, DamagedOnesAreRefused) {
  EXPECT_THROW(issue_certificate({"no PEM", "no PEM"}, "one", {}), std::runtime_error);
}

}  // namespace
}  // namespace minga::cluster
