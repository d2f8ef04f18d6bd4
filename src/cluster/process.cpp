#include "cluster/process.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <system_error>
#include <unistd.h>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstRest = 200ms;
constexpr auto kLongestRest = 5s;
constexpr auto kRanWell = 30s;
constexpr auto kDrainStep = 100ms;

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> made;
  made.reserve(texts.size() + 1);
  for (auto& text : texts) made.push_back(text.data());
  made.push_back(nullptr);
  return made;
}

[[noreturn]] void give_up(int output, char const* what) {
  // Between fork and exec only what is safe in a signal handler may be called.
  auto const* reason = strerrordesc_np(errno);
  for (auto const* piece : {what, ": ", reason == nullptr ? "?" : reason, "\n"}) {
    if (::write(output, piece, std::strlen(piece)) < 0) break;
  }
  ::_exit(127);
}

struct Launch {
  char* const* arguments;
  char* const* environment;
  char const* folder;
  char const* input;
  int output;
  pid_t parent;
};

[[noreturn]] void become(Launch const& program) {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  ::setsid();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(program.output, "prctl");
  if (::getppid() != program.parent) ::_exit(127);  // it died before the line above
  auto const input = ::open(program.input, O_RDONLY);
  if (input < 0) give_up(program.output, program.input);
  if (::dup2(input, STDIN_FILENO) < 0 || ::dup2(program.output, STDOUT_FILENO) < 0 ||
      ::dup2(program.output, STDERR_FILENO) < 0) {
    give_up(program.output, "dup2");
  }
  ::close_range(3, ~0U, 0);
  if (::chdir(program.folder) != 0) give_up(STDERR_FILENO, program.folder);
  ::execve(program.arguments[0], program.arguments, program.environment);
  give_up(STDERR_FILENO, program.arguments[0]);
}

/// The direct children of this process; orphans of theirs become such, too.
std::vector<pid_t> children_of_ours() {
  std::ifstream list(fmt::format("/proc/self/task/{}/children", ::getpid()));
  std::vector<pid_t> children;
  for (pid_t child = 0; list >> child;) children.push_back(child);
  return children;
}

}  // namespace

std::string shell_quoted(std::string_view text) {
  std::string made = "'";
  for (char const c : text) made += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return made + "'";
}

std::string describe_status(int status) {
  if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  auto const* name = sigdescr_np(WTERMSIG(status));
  return fmt::format("signal {} ({})", WTERMSIG(status), name == nullptr ? "?" : name);
}

Processes::Processes(boost::asio::io_context& context)
    : context_(context), signals_(context, SIGCHLD) {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
    throw std::system_error(errno, std::generic_category(), "becoming the parent of orphans");
  }
}

Processes::~Processes() = default;

pid_t Processes::start(Program const& program, int output) {
  auto arguments = program.arguments;
  auto environment = program.environment;
  auto const argument_pointers = pointers(arguments);
  auto const environment_pointers = pointers(environment);
  auto const input = program.input.empty() ? std::string("/dev/null") : program.input.string();
  Launch const prepared{argument_pointers.data(),
                        environment_pointers.data(),
                        program.folder.c_str(),
                        input.c_str(),
                        output,
                        ::getpid()};
  auto const child = ::fork();
  if (child == 0) become(prepared);
  if (child < 0) {
    throw std::system_error(errno, std::generic_category(), "starting " + program.name);
  }
  children_.emplace(child, std::make_unique<Child>(context_));
  return child;
}

Async<int> Processes::ended(pid_t pid) {
  auto& child = *children_.at(pid);
  while (!child.has_ended) {
    boost::system::error_code woken;  // the reaper cancels the timer: that is the signal
    co_await child.changed.async_wait(
        boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) {
      throw boost::system::system_error(boost::asio::error::operation_aborted);
    }
  }
  auto const status = child.status;
  children_.erase(pid);
  co_return status;
}

bool Processes::reap() {
  for (;;) {
    int status = 0;
    auto const pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0) return errno == ECHILD;
    if (pid == 0) return false;
    auto const known = children_.find(pid);
    if (known == children_.end()) {
      log::debug(fmt::format("process {} ended: {}", pid, describe_status(status)));
      continue;
    }
    known->second->has_ended = true;
    known->second->status = status;
    known->second->changed.cancel();
  }
}

Async<void> Processes::run() {
  reap();
  for (;;) {
    co_await signals_.async_wait(boost::asio::use_awaitable);
    reap();
  }
}

Async<void> Processes::drain(int signal) {
  while (!reap()) {
    for (auto const child : children_of_ours()) ::kill(child, signal);
    co_await sleep_for(kDrainStep);
  }
}

LinePipe::LinePipe(boost::asio::io_context& context, Sink sink)
    : output_(context), sink_(std::move(sink)) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "making a pipe");
  }
  output_.assign(ends[0]);
  input_ = ends[1];
}

LinePipe::~LinePipe() {
  ::close(input_);
}

void LinePipe::take(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const end = std::min(bytes.find('\n'), bytes.size());
    line_.append(bytes.substr(0, end));
    auto const is_whole = end < bytes.size();
    if (is_whole || line_.size() > kLongest) {
      if (!line_.empty()) sink_(line_);
      line_.clear();
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

Async<void> LinePipe::run() {
  std::array<char, 16 * 1024> chunk{};
  for (;;) {
    auto const buffer = boost::asio::buffer(chunk);
    auto const size = co_await output_.async_read_some(buffer, boost::asio::use_awaitable);
    take({chunk.data(), size});
  }
}

Supervised::Supervised(boost::asio::io_context& context, Processes& processes, Program program,
                       LinePipe::Sink sink)
    : processes_(processes),
      program_(std::move(program)),
      lines_(context, std::move(sink)),
      wake_(context),
      gone_(context, Deadline::max()),
      reading_(context.get_executor(), program_.name + "'s log"),
      backoff_(kFirstRest) {}

Async<void> Supervised::run() {
  reading_.spawn(lines_.run());
  while (!stopping_) co_await run_once();
  reading_.cancel();
  co_await reading_.join();
}

Async<void> Supervised::run_once() {
  if (prepare_) co_await prepare_();
  if (stopping_) co_return;
  auto const begin = Clock::now();
  child_ = processes_.start(program_, lines_.input());
  log::debug(fmt::format("{}: started as process {}", program_.name, child_));
  auto const status = co_await processes_.ended(child_);
  child_ = 0;
  gone_.cancel();
  if (stopping_ || std::exchange(was_killed_, false)) co_return;
  log::error(fmt::format("{} ended by itself: {}; starting it again", program_.name,
                         describe_status(status)));
  co_await rest(Clock::now() - begin);
}

Async<void> Supervised::rest(Clock::duration ran) {
  if (ran >= kRanWell) backoff_ = kFirstRest;
  wake_.expires_after(backoff_);
  backoff_ = std::min<Clock::duration>(backoff_ * 2, kLongestRest);
  boost::system::error_code woken;  // stop() cuts the rest short
  co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
}

Async<void> Supervised::stop(Clock::duration patience) {
  stopping_ = true;
  wake_.cancel();
  if (child_ == 0) co_return;
  ::kill(child_, SIGTERM);
  gone_.expires_after(patience);
  boost::system::error_code woken;  // the end of the child cancels the timer
  co_await gone_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  if (child_ == 0) co_return;
  log::error(fmt::format("{} did not end within {} s of SIGTERM; killing it", program_.name,
                         std::chrono::duration_cast<std::chrono::seconds>(patience).count()));
  ::kill(child_, SIGKILL);
  gone_.expires_at(Deadline::max());
  co_await gone_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
}

void Supervised::kill() {
  if (child_ <= 0) return;
  was_killed_ = true;
  ::kill(child_, SIGKILL);
}

}  // namespace minga::cluster
