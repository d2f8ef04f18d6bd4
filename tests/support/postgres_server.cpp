#include "support/postgres_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <thread>
#include <unistd.h>

namespace minga::testing_support {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr char const* kPrograms = "/usr/lib/postgresql/15/bin/";

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Whom the server runs as when the tests run as root.
User server_user() {
  auto const* entry = ::getpwnam("postgres");
  if (entry == nullptr)
    throw std::runtime_error("the tests run as root and there is no user postgres");
  return {entry->pw_uid, entry->pw_gid};
}

int free_port() {
  auto const probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  auto const good = ::bind(probe, generic, size) == 0 && ::getsockname(probe, generic, &size) == 0;
  ::close(probe);
  if (!good) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

/// Starts a program as the server's user. It gets SIGQUIT when the calling thread ends, and its
/// output goes to the file.
pid_t launch(std::vector<std::string> const& command, std::filesystem::path const& log) {
  std::vector<char*> arguments;
  for (auto const& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  auto const as_root = ::geteuid() == 0;
  auto const user = as_root ? server_user() : User{};
  auto* const output = std::fopen(log.c_str(), "ae");
  if (output == nullptr) throw std::runtime_error("no log " + log.string());
  auto const parent = ::getpid();
  auto const child = ::fork();
  if (child == 0) {  // only what is safe after the fork of a process with threads
    if (as_root && (::setgroups(0, nullptr) != 0 || ::setgid(user.gid) != 0 || ::setuid(user.uid)))
      ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after the change of user, which clears it
    if (::getppid() != parent) ::_exit(126);
    ::dup2(::fileno(output), 1);
    ::dup2(::fileno(output), 2);
    if (::chdir("/") != 0) ::_exit(126);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  std::fclose(output);
  if (child < 0) throw std::runtime_error("no process could be started");
  return child;
}

template <class Condition>
void wait_until(char const* what, Condition condition) {
  auto const end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      throw std::runtime_error(fmt::format("not within {} s: {}", kPatience.count(), what));
    std::this_thread::sleep_for(10ms);
  }
}

std::string text_of(std::filesystem::path const& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

int run_shell(std::string const& command) {
  return std::system(command.c_str());
}

PostgresServer::PostgresServer(std::vector<std::string> settings)
    : data_(folder_.path() / "data"), port_(free_port()) {
  own(folder_.path());
  run({"initdb", "-D", data_, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8",
       "--no-sync", "--no-instructions"});
  std::ofstream configuration(data_ / "postgresql.conf", std::ios::app);
  configuration << "listen_addresses = '127.0.0.1'\n"
                << "unix_socket_directories = '" << folder_.path().string() << "'\n"
                << "shared_buffers = 16MB\nmax_connections = 100\nfsync = off\n"
                << "timezone = UTC\nlog_min_messages = warning\nlog_checkpoints = off\n";
  for (auto const& line : settings) configuration << line << '\n';
  configuration.close();
  start();
  wait_until_ready();
}

PostgresServer::PostgresServer(StandbyOf standby)
    : data_(folder_.path() / "data"), port_(free_port()) {
  own(folder_.path());
  run({"pg_basebackup", "-D", data_, "-h", standby.primary.folder(), "-p",
       std::to_string(standby.primary.port()), "-U", "postgres", "-R", "-X", "stream", "-c", "fast",
       "--no-sync"});
  std::ofstream configuration(data_ / "postgresql.conf", std::ios::app);
  configuration << "unix_socket_directories = '" << folder_.path().string() << "'\n";
  configuration.close();
  start();
  wait_until_ready();
}

PostgresServer::~PostgresServer() {
  if (postmaster_ < 0) return;
  resume();
  ::kill(postmaster_, SIGQUIT);
  ::waitpid(postmaster_, nullptr, 0);
}

PostgresServer& PostgresServer::shared() {
  static PostgresServer server;
  return server;
}

std::string PostgresServer::create_database() {
  static std::atomic<int> count = 0;
  auto const name = fmt::format("test_{}_{}", ::getpid(), ++count);
  sql(fmt::format("CREATE DATABASE {} TEMPLATE template0", name));
  return name;
}

void PostgresServer::drop_database(std::string const& name) {
  sql(fmt::format("DROP DATABASE {} WITH (FORCE)", name));
}

std::string PostgresServer::url(std::string const& database) const {
  return fmt::format("postgresql://postgres@127.0.0.1:{}/{}", port_, database);
}

std::string PostgresServer::socket_url(std::string const& database) const {
  return fmt::format("postgresql:///{}?host={}&port={}&user=postgres", database,
                     folder_.path().string(), port_);
}

std::string PostgresServer::sql(std::string const& text, std::string const& database) const {
  auto const question = folder_.path() / "question.sql";
  auto const answer = folder_.path() / "answer";
  std::ofstream(question) << text;
  auto const command =
      fmt::format("{}psql -X -q -A -t -v ON_ERROR_STOP=1 '{}' -f '{}' >'{}' 2>&1", kPrograms,
                  socket_url(database), question.string(), answer.string());
  auto const status = run_shell(command);
  auto said = text_of(answer);
  if (status != 0) throw std::runtime_error(fmt::format("psql: {}: {}", text, said));
  while (said.ends_with('\n')) said.pop_back();
  return said;
}

void PostgresServer::start() {
  postmaster_ =
      launch({std::string(kPrograms) + "postgres", "-D", data_, "-p", std::to_string(port_)},
             folder_.path() / "log");
}

void PostgresServer::wait_until_ready(bool as_primary) const {
  auto const ready = [&] {
    if (::waitpid(postmaster_, nullptr, WNOHANG) == postmaster_) {
      throw std::runtime_error("PostgreSQL did not start: " + text_of(folder_.path() / "log"));
    }
    try {
      return sql("SELECT pg_is_in_recovery()") == "f" || !as_primary;
    } catch (std::runtime_error const&) {
      return false;
    }
  };
  wait_until("PostgreSQL answers", ready);
}

void PostgresServer::kill() {
  auto const all = processes();
  for (auto const process : all) ::kill(process, SIGKILL);
  ::waitpid(postmaster_, nullptr, 0);
  postmaster_ = -1;
  auto const gone = [&] {
    for (auto const process : all) {
      if (std::filesystem::exists(fmt::format("/proc/{}/exe", process))) return false;
    }
    return true;
  };
  wait_until("its processes are gone", gone);
}

void PostgresServer::stop(std::string const& mode) {
  ::kill(postmaster_, mode == "fast" ? SIGINT : SIGQUIT);
  ::waitpid(postmaster_, nullptr, 0);
  postmaster_ = -1;
}

void PostgresServer::pause() {
  for (auto const process : processes()) ::kill(process, SIGSTOP);
}

void PostgresServer::resume() {
  for (auto const process : processes()) ::kill(process, SIGCONT);
}

void PostgresServer::promote() const {
  sql("SELECT pg_promote(true, 60)");
}

void PostgresServer::allow_by(std::string const& hba_line) const {
  auto const file = data_ / "pg_hba.conf";
  auto const old = text_of(file);
  std::ofstream(file) << hba_line << '\n' << old;
  reload();
}

void PostgresServer::reload() const {
  ::kill(postmaster_, SIGHUP);
}

void PostgresServer::give(std::string const& name, std::filesystem::path const& file) const {
  auto const target = data_ / name;
  std::filesystem::copy_file(file, target);
  std::filesystem::permissions(
      target, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  own(target);
}

/// Gives a path to the user that the server runs as.
void PostgresServer::own(std::filesystem::path const& path) const {
  if (::geteuid() != 0) return;
  auto const user = server_user();
  if (::chown(path.c_str(), user.uid, user.gid) != 0)
    throw std::runtime_error("chown " + path.string());
}

/// The postmaster and its children.
std::vector<pid_t> PostgresServer::processes() const {
  std::vector<pid_t> all{postmaster_};
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", postmaster_));
  for (pid_t child = 0; children >> child;) all.push_back(child);
  return all;
}

void PostgresServer::run(std::vector<std::string> const& command) const {
  auto absolute = command;
  absolute[0] = kPrograms + absolute[0];
  auto const log = folder_.path() / "log";
  auto const child = launch(absolute, log);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) {
    throw std::runtime_error(fmt::format("{} failed: {}", fmt::join(command, " "), text_of(log)));
  }
}

}  // namespace minga::testing_support
