#pragma once

#include "async/task_group.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace minga::cluster {

struct Program {
  std::string name;                    // in the log
  std::vector<std::string> arguments;  // the first is the file to run
  std::vector<std::string> environment;
  std::filesystem::path folder;
  std::filesystem::path input{};  // standard input; empty: nothing
};

/// As one word for sh, and for shlex, by which Patroni reads commands.
std::string shell_quoted(std::string_view text);

/// Starts processes that cannot outlive this one, and reaps every process that ends below it. It
/// makes this process the parent of orphans (PR_SET_CHILD_SUBREAPER), so that nothing which a
/// child started is lost sight of. One for a process, on its main thread: the kernel ends the
/// children when the thread that started them ends.
class Processes {
 public:
  explicit Processes(boost::asio::io_context& context);
  ~Processes();
  Processes(Processes const&) = delete;
  Processes& operator=(Processes const&) = delete;

  /// Standard output and error go to `output`. The child has a session of
  /// its own, so that a terminal's Ctrl-C reaches this process alone. Throws std::system_error.
  pid_t start(Program const& program, int output);
  /// The status that waitpid() gave; at once when it has ended.
  Async<int> ended(pid_t child);
  /// Returns when no process is left below this one. Sends `signal` to those that are.
  Async<void> drain(int signal);

  /// Reaps until cancelled.
  Async<void> run();

 private:
  struct Child {
    explicit Child(boost::asio::io_context& context) : changed(context, Deadline::max()) {}
    boost::asio::steady_timer changed;
    bool has_ended = false;
    int status = 0;
  };
  /// True when no process is left.
  bool reap();

  boost::asio::io_context& context_;
  boost::asio::signal_set signals_;
  std::map<pid_t, std::unique_ptr<Child>> children_;
};

/// "exit status 1", "signal 9 (Killed)".
std::string describe_status(int status);

/// Hands the lines that come through a pipe to a sink; over-long ones in pieces.
class LinePipe {
 public:
  static constexpr std::size_t kLongest = 64 * 1024;

  using Sink = std::function<void(std::string_view line)>;
  LinePipe(boost::asio::io_context& context, Sink sink);
  ~LinePipe();
  LinePipe(LinePipe const&) = delete;
  LinePipe& operator=(LinePipe const&) = delete;

  int input() const { return input_; }
  /// Until cancelled: this process keeps the pipe's input open for the next child.
  Async<void> run();

 private:
  void take(std::string_view bytes);

  boost::asio::posix::stream_descriptor output_;
  int input_ = -1;
  Sink sink_;
  std::string line_;
};

/// A process that is started again when it ends.
class Supervised {
 public:
  Supervised(boost::asio::io_context& context, Processes& processes, Program program,
             LinePipe::Sink sink);

  /// Awaited each time before it is started; does not throw. None is running meanwhile.
  void before_start(std::function<Async<void>()> prepare) { prepare_ = std::move(prepare); }
  /// Runs it until stop(): waits longer before each new start (0.2 s to 5 s), anew once it has run
  /// for 30 s.
  Async<void> run();
  /// Sends SIGTERM and waits for the end; SIGKILL past the patience. Nothing is started after it.
  Async<void> stop(Clock::duration patience);

  /// SIGKILL; run() starts it again at once.
  void kill();

  bool is_running() const { return child_ > 0; }

 private:
  Async<void> run_once();
  Async<void> rest(Clock::duration ran);

  Processes& processes_;
  Program program_;
  LinePipe lines_;
  std::function<Async<void>()> prepare_;
  boost::asio::steady_timer wake_;
  boost::asio::steady_timer gone_;
  TaskGroup reading_;
  Clock::duration backoff_{};
  pid_t child_ = 0;
  bool stopping_ = false;
  bool was_killed_ = false;
};

}  // namespace minga::cluster
