#pragma once

#include "cluster/settings.hpp"

#include <memory>
#include <string>

namespace minga::cluster {

/// Keeps a folder for this process: a second one is refused.
class FolderLock {
 public:
  explicit FolderLock(Folder const& folder);
  ~FolderLock();
  FolderLock(FolderLock const&) = delete;
  FolderLock& operator=(FolderLock const&) = delete;

 private:
  int descriptor_;
};

/// A member whose folder is ready, and who it is.
struct Prepared {
  Folder folder{std::filesystem::path()};
  std::unique_ptr<FolderLock> lock;
  SetIdentity identity;
  Member member;
  std::string listen_address;  // what the host's name stands for
};

/// Makes or opens the member's folder; as root, becomes the user before anything is written there.
/// Throws std::invalid_argument or std::runtime_error with a sentence for the operator.
Prepared prepare(ReplicaSettings& settings);

}  // namespace minga::cluster
