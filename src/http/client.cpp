#include "http/client.hpp"

#include "async/deadline.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <stdexcept>
#include <vector>

namespace minga::http {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
namespace beast = boost::beast;
using asio::ip::tcp;

using Message = beast::http::request<beast::http::string_body>;

std::string authority_of(ClientRequest const& request) {
  auto const is_ipv6 = request.host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", request.host, request.port)
                 : fmt::format("{}:{}", request.host, request.port);
}

Message message_of(ClientRequest const& request) {
  Message message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.target);
  message.set(beast::http::field::host, authority_of(request));
  message.set(beast::http::field::connection, "close");
  message.set(beast::http::field::user_agent, "minga");
  if (!request.body.empty()) {
    message.set(beast::http::field::content_type, "application/json");
    message.body() = request.body;
  }
  message.prepare_payload();
  return message;
}

/// An address needs no resolver, whose work cannot be cancelled.
Async<std::vector<tcp::endpoint>> endpoints_of(ClientRequest const& request) {
  std::vector<tcp::endpoint> endpoints;
  boost::system::error_code error;
  auto const address = asio::ip::make_address(request.host, error);
  if (!error) {
    endpoints.emplace_back(address, request.port);
    co_return endpoints;
  }
  tcp::resolver resolver(co_await asio::this_coro::executor);
  auto const port = std::to_string(request.port);
  auto const found = co_await resolver.async_resolve(request.host, port, asio::use_awaitable);
  for (auto const& each : found) endpoints.push_back(each.endpoint());
  co_return endpoints;
}

template <class Stream>
Async<ClientResponse> exchange(Stream& stream, ClientRequest const& request) {
  auto const message = message_of(request);
  co_await beast::http::async_write(stream, message, asio::use_awaitable);
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(Client::kMaxBody);
  co_await beast::http::async_read(stream, buffer, parser, asio::use_awaitable);
  auto answer = parser.release();
  ClientResponse response;
  response.status = static_cast<int>(answer.result_int());
  response.body = std::move(answer.body());
  co_return response;
}

Async<ClientResponse> send_now(ssl::context* context, ClientRequest request) {
  auto const endpoints = co_await endpoints_of(request);
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await asio::async_connect(socket, endpoints, asio::use_awaitable);
  if (context == nullptr) co_return co_await exchange(socket, request);
  ssl::stream<tcp::socket> stream(std::move(socket), *context);
  SSL_set_tlsext_host_name(stream.native_handle(), request.host.c_str());
  stream.set_verify_callback(ssl::host_name_verification(request.host));
  co_await stream.async_handshake(ssl::stream_base::client, asio::use_awaitable);
  co_return co_await exchange(stream, request);
}

Async<ClientResponse> send_or_explain(ssl::context* context, ClientRequest request) {
  auto const place = authority_of(request);
  try {
    co_return co_await send_now(context, std::move(request));
  } catch (boost::system::system_error const& error) {
    if (error.code() == asio::error::operation_aborted) throw;
    throw Error::unavailable(fmt::format("{} does not answer: {}.", place, error.code().message()));
  }
}

std::unique_ptr<ssl::context> make_context(ClientTls const& tls) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_client);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                       ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context->set_verify_mode(ssl::verify_peer);
  try {
    context->add_certificate_authority(asio::buffer(tls.authority));
    if (!tls.certificate.empty()) {
      context->use_certificate_chain(asio::buffer(tls.certificate));
      context->use_private_key(asio::buffer(tls.key), ssl::context::pem);
    }
  } catch (boost::system::system_error const& error) {
    throw std::runtime_error(
        fmt::format("The certificates of a TLS client cannot be used: {}.", error.what()));
  }
  return context;
}

}  // namespace

struct Client::Impl {
  std::unique_ptr<ssl::context> context;  // null: plain
};

Client::Client() : impl_(std::make_unique<Impl>()) {}

Client::Client(ClientTls const& tls) : impl_(std::make_unique<Impl>(Impl{make_context(tls)})) {}

Client::~Client() = default;

Async<ClientResponse> Client::send(ClientRequest request, Deadline deadline) const {
  auto operation = send_or_explain(impl_->context.get(), std::move(request));
  co_return co_await with_deadline(deadline, std::move(operation));
}

}  // namespace minga::http
