#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace minga::testing_support {

/// Takes as many connections as there are texts, one after the other, keeps the requests' heads,
/// and answers with the texts; an empty one is no answer, until the client goes.
class CannedAnswers {
 public:
  explicit CannedAnswers(std::vector<std::string> answers)
      : acceptor_(context_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        port_(acceptor_.local_endpoint().port()),
        thread_([this, answers = std::move(answers)] {
          for (auto const& answer : answers) serve(answer);
        }) {}
  CannedAnswers(CannedAnswers const&) = delete;
  CannedAnswers& operator=(CannedAnswers const&) = delete;
  ~CannedAnswers() {
    if (thread_.joinable()) thread_.join();
  }

  std::uint16_t port() const { return port_; }
  /// Once all were answered: their heads, each with its empty line.
  std::string const& requests() {
    thread_.join();
    return requests_;
  }

 private:
  using tcp = boost::asio::ip::tcp;

  void serve(std::string const& answer) {
    auto socket = acceptor_.accept();
    boost::system::error_code ended;
    std::string head;
    boost::asio::read_until(socket, boost::asio::dynamic_buffer(head), "\r\n\r\n", ended);
    requests_ += head;
    if (!answer.empty()) boost::asio::write(socket, boost::asio::buffer(answer), ended);
    std::array<char, 64> rest{};
    while (!ended && answer.empty()) socket.read_some(boost::asio::buffer(rest), ended);
  }

  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::string requests_;
  std::thread thread_;
};

}  // namespace minga::testing_support
