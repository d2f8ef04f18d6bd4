#include "cluster/prepare.hpp"

#include "base/json_text.hpp"
#include "base/logging.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace minga::cluster {
namespace {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto kPortPatience = 10s;  // what a killed predecessor left ends within it
constexpr auto kPortStep = 100ms;

std::string reason() {
  return std::generic_category().message(errno);
}

struct Account {
  std::string name;
  uid_t user = 0;
  gid_t group = 0;
};

Account account_of(std::string const& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16 * 1024> buffer{};
  getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr || found->pw_uid == 0) {
    throw std::invalid_argument(fmt::format(
        "--user: '{}' is no user of this machine that PostgreSQL runs as; root is refused by it. "
        "Debian's postgresql-15 makes the user postgres.",
        name));
  }
  return {name, found->pw_uid, found->pw_gid};
}

void require(bool done, std::string_view what) {
  if (!done) throw std::runtime_error(fmt::format("Cannot {}: {}.", what, reason()));
}

/// Made here, while there is the right to; a folder that is there is left as it is.
void make_repository(ReplicaSettings const& settings, Account const& account) {
  auto const type = settings.backup_options.find("repo1-type");
  auto const is_folder = type == settings.backup_options.end() || type->second == "posix";
  auto const& repository = settings.backup_repository;
  if (repository.empty() || !is_folder || std::filesystem::exists(repository)) return;
  make_private_folder(repository);
  auto const what = fmt::format("give {} to {}", repository, account.name);
  require(::chown(repository.c_str(), account.user, account.group) == 0, what);
}

/// PostgreSQL refuses to run as root, and nothing else here needs it.
void become_user(ReplicaSettings const& settings) {
  if (::geteuid() != 0) return;
  auto const account = account_of(settings.user);
  make_private_folder(settings.data);
  auto const what = fmt::format("give {} to {}", settings.data.string(), account.name);
  require(::chown(settings.data.c_str(), account.user, account.group) == 0, what);
  make_repository(settings, account);
  auto const become = fmt::format("become the user {}", account.name);
  require(::initgroups(account.name.c_str(), account.group) == 0, become);
  require(::setgid(account.group) == 0, become);
  require(::setuid(account.user) == 0, become);
  // Else /proc/PID/exe, by which PostgreSQL's server is started, would be root's alone.
  require(::prctl(PR_SET_DUMPABLE, 1) == 0, become);
}

void require_usable(ReplicaSettings const& settings) {
  if (::access(settings.data.c_str(), R_OK | W_OK | X_OK) != 0) {
    throw std::runtime_error(fmt::format(
        "The user {} may not use the folder {}: {}. Every folder above it must let it through.",
        settings.user, settings.data.string(), reason()));
  }
  std::filesystem::permissions(settings.data, std::filesystem::perms::owner_all);
  auto const& programs = settings.programs;
  auto const needs = [](std::string const& program, char const* package) {
    if (::access(program.c_str(), X_OK) == 0) return;
    throw std::runtime_error(fmt::format(
        "{} cannot be run: {}. On Debian 12: apt-get install --no-install-recommends {}", program,
        reason(), package));
  };
  needs(programs.etcd, "etcd-server");
  needs(programs.patroni, "patroni python3-etcd python3-idna");
  needs((programs.postgres / "postgres").string(), "postgresql-15");
  if (!settings.backup_repository.empty() || settings.restore) {
    needs(programs.pgbackrest, "pgbackrest");
  }
}

boost::asio::ip::address resolve(std::string const& host) {
  boost::asio::io_context context;
  boost::system::error_code error;
  tcp::resolver resolver(context);
  auto const found = resolver.resolve(host, "", error);
  if (error || found.empty()) {
    throw std::invalid_argument(
        fmt::format("--listen: the host '{}' has no address: {}", host, error.message()));
  }
  auto const address = found.begin()->endpoint().address();
  if (address.is_unspecified()) {
    throw std::invalid_argument(
        fmt::format("--listen: '{}' is every address of this machine; give the one by which the "
                    "other members and the applications reach it",
                    host));
  }
  return address;
}

/// Throws when the address is not this machine's, or another program has the port.
void require_free(boost::asio::ip::address const& address, std::uint16_t port, char const* whose) {
  boost::asio::io_context context;
  auto const end = Clock::now() + kPortPatience;
  for (;;) {
    boost::system::error_code error;
    tcp::endpoint const endpoint(address, port);
    tcp::acceptor acceptor(context);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) return;
    if (error != boost::asio::error::address_in_use || Clock::now() >= end) {
      throw std::runtime_error(fmt::format("Cannot listen on {} for {}: {}.",
                                           HostPort{address.to_string(), port}.text(), whose,
                                           error.message()));
    }
    boost::asio::steady_timer(context, kPortStep).wait();
  }
}

/// Ports that nobody has, all different.
std::array<std::uint16_t, 4> free_ports(boost::asio::ip::address const& address) {
  boost::asio::io_context context;
  std::vector<tcp::acceptor> held;
  std::array<std::uint16_t, 4> ports{};
  for (auto& port : ports) {
    held.emplace_back(context, tcp::endpoint(address, 0), false);
    port = held.back().local_endpoint().port();
  }
  return ports;
}

MemberAddress choose_address(ReplicaSettings const& settings,
                             boost::asio::ip::address const& address) {
  MemberAddress chosen;
  if (settings.listen.port == 0) {
    auto const ports = free_ports(address);
    chosen = {settings.listen.host, ports[0], ports[1], ports[2], ports[3]};
  } else {
    chosen = usual_address(settings.listen);
  }
  chosen.patroni = settings.patroni_port.value_or(chosen.patroni);
  chosen.etcd = settings.etcd_port.value_or(chosen.etcd);
  chosen.etcd_peer = settings.etcd_peer_port.value_or(chosen.etcd_peer);
  return chosen;
}

void require_same(ReplicaSettings const& settings, SetIdentity const& identity,
                  MemberAddress const& address) {
  auto const folder = settings.data.string();
  if (identity.set != settings.set) {
    throw std::invalid_argument(fmt::format("--set: {} belongs to the set '{}', not '{}'", folder,
                                            identity.set, settings.set));
  }
  auto const& listen = settings.listen;
  if (listen.host != address.host || (listen.port != 0 && listen.port != address.port)) {
    throw std::invalid_argument(fmt::format(
        "--listen: {} belongs to the member {}, not {}. A member keeps its address: to move it, "
        "add a new member, then remove this one",
        folder, address.name(), listen.text()));
  }
}

SetIdentity new_identity(ReplicaSettings const& settings) {
  if (!settings.join) return make_set(settings.set);
  auto identity = read_join_token(settings.join_token);
  if (identity.set != settings.set) {
    throw std::invalid_argument(fmt::format("--set: the join token is of the set '{}', not '{}'",
                                            identity.set, settings.set));
  }
  return identity;
}

void require_empty(Folder const& folder) {
  for (auto const& entry : std::filesystem::directory_iterator(folder.root())) {
    // A first start that died before it was a member leaves these.
    if (entry.path() == folder.lock() || entry.path() == folder.join_token()) continue;
    throw std::invalid_argument(
        fmt::format("--data: {} is neither empty nor a member's folder ({} is there)",
                    folder.root().string(), entry.path().filename().string()));
  }
}

void know(SetIdentity& identity, MemberAddress const& member) {
  auto const same = [&](MemberAddress const& each) {
    return each.name() == member.name();
  };
  auto& members = identity.members;
  if (std::none_of(members.begin(), members.end(), same)) members.push_back(member);
}

void open_member(ReplicaSettings const& settings, Prepared& prepared) {
  auto const& folder = prepared.folder;
  prepared.identity = read_join_token(folder.join_token());
  prepared.member = *read_member(folder);
  require_same(settings, prepared.identity, prepared.member.address);
  if (std::filesystem::exists(folder.removed())) {
    throw std::invalid_argument(fmt::format(
        "--data: the member in {} was removed from its set. To join anew, empty the folder",
        folder.root().string()));
  }
  if (std::filesystem::exists(folder.etcd_data() / "member")) {
    prepared.member.joins.reset();
  } else if (!prepared.member.joins && prepared.identity.members.size() > 1) {
    throw std::runtime_error(
        fmt::format("{} has lost its etcd folder, and the set has other members: to start here "
                    "would make a second set. Empty {} and join anew with --join.",
                    prepared.member.address.name(), folder.root().string()));
  }
}

void begin_member(ReplicaSettings const& settings, boost::asio::ip::address const& address,
                  Prepared& prepared) {
  prepared.identity = new_identity(settings);
  prepared.member.address = choose_address(settings, address);
  prepared.member.joins = settings.join;
  know(prepared.identity,
       settings.join ? prepared.identity.find(*settings.join) : prepared.member.address);
}

}  // namespace

FolderLock::FolderLock(Folder const& folder)
    : descriptor_(::open(folder.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  require(descriptor_ >= 0, fmt::format("open {}", folder.lock().string()));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(descriptor_);
  throw std::runtime_error(
      fmt::format("Another minga replica runs in {}.", folder.root().string()));
}

FolderLock::~FolderLock() {
  ::close(descriptor_);
}

Prepared prepare(ReplicaSettings& settings) {
  settings.data = std::filesystem::absolute(settings.data).lexically_normal();
  Prepared prepared;
  prepared.folder = Folder(settings.data);
  auto const& folder = prepared.folder;
  auto const address = resolve(settings.listen.host);
  prepared.listen_address = address.to_string();
  std::error_code unreadable;
  auto const is_member = std::filesystem::exists(folder.member(), unreadable);
  if (is_member) {
    open_member(settings, prepared);
  } else {
    begin_member(settings, address, prepared);  // the token may be readable by root alone
  }
  become_user(settings);
  make_private_folder(settings.data);
  require_usable(settings);
  prepared.lock = std::make_unique<FolderLock>(folder);
  if (!is_member) require_empty(folder);
  auto const& member = prepared.member.address;
  require_free(address, member.port, "PostgreSQL");
  require_free(address, member.patroni, "Patroni");
  require_free(address, member.etcd, "etcd");
  require_free(address, member.etcd_peer, "etcd's peers");
  return prepared;
}

}  // namespace minga::cluster
