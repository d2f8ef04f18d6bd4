#include "cluster/new_set.hpp"

#include "async/deadline.hpp"
#include "base/ids.hpp"
#include "cluster/backup_settings.hpp"
#include "cluster/prepare.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace minga::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kCall = 3s;
constexpr std::size_t kIdLength = 16;

/// While it lives, files are made as the folder's owner makes them.
class OwnersRights {
 public:
  explicit OwnersRights(std::filesystem::path const& folder) : is_root_(::geteuid() == 0) {
    if (!is_root_) return;
    struct stat status{};
    auto const is_owner = ::stat(folder.c_str(), &status) == 0 && ::setegid(status.st_gid) == 0 &&
                          ::seteuid(status.st_uid) == 0;
    if (is_owner) return;
    throw std::system_error(errno, std::generic_category(),
                            "becoming the owner of " + folder.string());
  }
  ~OwnersRights() {
    if (!is_root_) return;
    // Back to root nothing can keep it from.
    if (::seteuid(0) != 0 || ::setegid(0) != 0) std::terminate();
  }
  OwnersRights(OwnersRights const&) = delete;
  OwnersRights& operator=(OwnersRights const&) = delete;

 private:
  bool is_root_;
};

}  // namespace

Async<void> require_lost(SetAccess const& access, MemberAddress self, Deadline deadline) {
  for (auto const& member : access.known()) {
    if (member == self) continue;
    Etcd const etcd(access.client(), {{member.host, member.etcd}});
    auto has_leader = false;
    try {
      auto const status = co_await etcd.status(std::min(deadline, Clock::now() + kCall));
      has_leader = status.has_leader();
    } catch (Error const&) {
      continue;  // it is gone, as is to be expected here
    }
    if (!has_leader) continue;
    throw Error::conflict(
        fmt::format("{} is part of a majority: the set is not lost. Remove from it what is "
                    "(minga replicas remove), or let {} join it anew.",
                    member.name(), self.name()));
  }
}

void force_new_set(Folder const& folder) {
  if (!std::filesystem::exists(folder.member())) {
    throw std::invalid_argument(
        fmt::format("--data: {} is no member's folder", folder.root().string()));
  }
  OwnersRights const rights(folder.root());
  FolderLock const lock(folder);
  auto identity = read_join_token(folder.join_token());
  auto member = *read_member(folder);
  if (!std::filesystem::exists(folder.postgres_data() / "global" / "pg_control")) {
    throw std::invalid_argument(
        fmt::format("--data: {} holds no database to begin a set with", folder.root().string()));
  }
  if (identity.members.size() < 2) {
    throw std::invalid_argument(
        fmt::format("--data: {} is a set of one member already", folder.root().string()));
  }
  // Another set to etcd: members of the lost one that return can take no part in it.
  identity.id = fmt::format("{}-{}", identity.set, random_text(kIdLength));
  identity.members = {member.address};
  member.joins.reset();
  BackupFolder const backup(folder);
  if (std::filesystem::exists(backup.settings())) {
    std::filesystem::rename(backup.settings(), backup.offered());
  }
  std::filesystem::remove_all(folder.etcd_data());
  write_private(folder.join_token(), to_text(identity));
  write_member(folder, member);
}

}  // namespace minga::cluster
