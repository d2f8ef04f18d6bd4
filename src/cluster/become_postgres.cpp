// PostgreSQL's server below Patroni below minga: tied to minga's life.
#include "cluster/replica.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <unistd.h>

namespace minga::cluster {
namespace {

constexpr time_t kPatience = 30;  // seconds for Patroni's starter to end

int fail(std::string_view what) {
  fmt::print(stderr, "minga: PostgreSQL is not started: {}: {}.\n", what,
             std::generic_category().message(errno));
  return 1;
}

/// The process that starts servers for Patroni ends at once; the kernel then tells us by SIGUSR1.
bool wait_for_parent(pid_t wanted) {
  sigset_t told;
  sigemptyset(&told);
  sigaddset(&told, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &told, nullptr);
  timespec const patience{kPatience, 0};
  while (::getppid() != wanted) {
    if (::prctl(PR_SET_PDEATHSIG, SIGUSR1) != 0) return false;
    if (::getppid() == wanted) break;
    if (sigtimedwait(&told, nullptr, &patience) < 0 && errno != EINTR) return false;
  }
  return true;
}

void forget_signal() {
  // One that is left pending would reach the server as an order.
  signal(SIGUSR1, SIG_IGN);
  sigset_t told;
  sigemptyset(&told);
  sigaddset(&told, SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &told, nullptr);
  signal(SIGUSR1, SIG_DFL);
}

}  // namespace

int become_postgres(std::vector<std::string> arguments) {
  auto const* supervisor = std::getenv("MINGA_REPLICA_PID");  // NOLINT(concurrency-mt-unsafe)
  if (arguments.empty() || supervisor == nullptr) {
    fmt::print(stderr, "minga: replica-postgres is run by minga replica alone.\n");
    return 2;
  }
  auto const wanted = static_cast<pid_t>(std::strtol(supervisor, nullptr, 10));
  // Patroni starts a server with these; a run for one answer, or in single-user mode, ends with
  // whoever asked for it.
  auto const is_server = std::any_of(
      arguments.begin(), arguments.end(),
      [](std::string const& argument) { return argument.starts_with("--listen_addresses="); });
  auto const parent = is_server ? wanted : ::getppid();
  if (is_server && !wait_for_parent(wanted)) return fail("its starter did not end");
  // SIGQUIT: the server ends at once, as in a crash, and takes its children with it.
  if (::prctl(PR_SET_PDEATHSIG, SIGQUIT) != 0) return fail("prctl");
  if (::getppid() != parent) return fail("minga replica is gone");
  forget_signal();
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  return fail(arguments[0]);
}

}  // namespace minga::cluster
