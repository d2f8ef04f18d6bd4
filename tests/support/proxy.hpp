#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <thread>

namespace minga::testing_support {

/// A TCP proxy on 127.0.0.1 that breaks connections when it is told to.
class Proxy {
 public:
  explicit Proxy(int target);
  ~Proxy();
  Proxy(Proxy const&) = delete;
  Proxy& operator=(Proxy const&) = delete;

  int port() const { return port_; }
  /// The next bytes of a client never arrive: its connection ends.
  void cut_next_request() { cut_ = Cut::request; }
  /// The next bytes of the server never arrive: its connection ends.
  void cut_next_answer() { cut_ = Cut::answer; }
  /// From now on nothing goes through, without a word; or it does again.
  void stall(bool stalled) { is_stalled_ = stalled; }
  /// The same for what servers say alone.
  void stall_answers(bool stalled) { are_answers_stalled_ = stalled; }
  /// Ends every connection.
  void cut_all();
  /// A cut has happened since it was asked for.
  bool has_cut() const { return cut_ == Cut::none; }

 private:
  enum class Cut { none, request, answer };
  struct Pair {
    int client = -1;
    int server = -1;
    std::thread thread;
  };

  void accept_all();
  void forward(int client, int server);
  bool move(int from, int to, Cut kind);

  int listener_ = -1;
  int port_ = 0;
  int target_;
  std::atomic<Cut> cut_ = Cut::none;
  std::atomic<bool> is_stalled_ = false;
  std::atomic<bool> are_answers_stalled_ = false;
  std::atomic<bool> is_ending_ = false;
  std::mutex mutex_;
  std::list<Pair> pairs_;
  std::thread thread_;
};

}  // namespace minga::testing_support
