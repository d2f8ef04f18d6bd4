#pragma once

#include <minga/request.hpp>

#include "async/blocking_pool.hpp"
#include "async/task_group.hpp"
#include "base/metrics.hpp"
#include "http/settings.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace minga::http {

/// What the server counts; looked up once.
class ServerMetrics {
 public:
  explicit ServerMetrics(Metrics& metrics);
  void answered(int status, double seconds);
  /// All, of whatever status.
  std::uint64_t answered() const;

  prometheus::Gauge& connections;
  prometheus::Gauge& running;
  prometheus::Counter& refused_connections;
  prometheus::Counter& bytes_sent;

 private:
  std::array<prometheus::Counter*, 5> by_class_{};
  prometheus::Histogram& seconds_;
};

/// One open connection, as its lane sees it. All on the lane's thread.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Ends whatever the connection waits for.
  virtual void close() = 0;
  /// The server stops: an idle connection closes, a stream is told to end, a running request is the
  /// last one.
  virtual void drain() = 0;
  /// The running request's time is over: its handler is cancelled, its client told so.
  virtual void expire_request() = 0;

  /// Past it the client has been too slow: the connection is closed.
  Deadline io_deadline = Deadline::max();
  /// Of the running request; max() while there is none.
  Deadline request_deadline = Deadline::max();
};

/// What all lanes share.
struct Shared {
  Settings settings;
  Handler handler;
  ServerMetrics metrics;
  BlockingPool pool;  // files and large compressions
  std::unique_ptr<boost::asio::ssl::context> tls;
  std::uint16_t tls_port = 0;
  std::atomic<std::size_t> connections = 0;
  std::atomic<bool> draining = false;
};

/// The connections of one I/O thread: accepts them, watches their time, ends them.
class Lane {
 public:
  Lane(boost::asio::io_context& context, Shared& shared);

  using Acceptor = boost::asio::ip::tcp::acceptor;
  void start(Acceptor acceptor, std::unique_ptr<Acceptor> redirect);
  /// On the lane's thread, for all lanes before one is waited for: stops accepting, tells
  /// connections to end.
  Async<void> begin_stop();
  /// Waits for the connections until the deadline. Then what still runs is cancelled, and what does
  /// not answer soon after that is cut. Nothing of the lane runs afterwards.
  Async<void> finish_stop(Deadline deadline);

  boost::asio::io_context& context() { return context_; }
  Shared& shared() { return shared_; }
  void enter(Connection& connection) { connections_.insert(&connection); }
  void leave(Connection& connection) { connections_.erase(&connection); }

 private:
  Async<void> accept(Acceptor& acceptor, bool redirects);
  Async<void> watch();
  Async<void> wait_for_sessions(Deadline deadline);
  /// Of the connections at this moment those that are still there: `look` may end any of them.
  template <class Look>
  void for_each_connection(Look look) {
    auto const all = connections_;
    for (auto* connection : all) {
      if (connections_.contains(connection)) look(*connection);
    }
  }
  void admit(boost::asio::ip::tcp::socket socket, bool redirects);

  boost::asio::io_context& context_;
  Shared& shared_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<Acceptor> redirect_;
  std::set<Connection*> connections_;
  TaskGroup sessions_;
  TaskGroup watching_;
};

}  // namespace minga::http
