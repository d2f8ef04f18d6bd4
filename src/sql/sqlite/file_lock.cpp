#include "sql/sqlite/file_lock.hpp"

#include "sql/error.hpp"

#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>

namespace minga::sql::sqlite {
namespace {

std::string holder(int descriptor) {
  char buffer[32] = {};
  auto const size = ::pread(descriptor, buffer, sizeof buffer - 1, 0);
  return size > 0 ? fmt::format(" (process {})",
                                std::string_view(buffer, static_cast<std::size_t>(size)))
                  : std::string();
}

}  // namespace

FileLock::FileLock(std::filesystem::path const& database) {
  auto const path = database.string() + ".lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    auto const code =
        errno == EROFS || errno == EACCES || errno == EPERM ? ErrorCode::read_only : ErrorCode::io;
    throw Error(code, fmt::format("The database {} cannot be opened: {}: {}. Is the folder there, "
                                  "and may this user write to it?",
                                  database.string(), path, std::generic_category().message(errno)));
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    auto const who = holder(descriptor_);
    ::close(descriptor_);
    throw Error(ErrorCode::busy, fmt::format("The database {} is in use by another server{}. Stop "
                                             "that one first, or choose another --data folder.",
                                             database.string(), who));
  }
  // The number is for people; that it cannot be written (a full disk) does not weaken the lock.
  auto const pid = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) == 0) (void)!::pwrite(descriptor_, pid.data(), pid.size(), 0);
}

FileLock::~FileLock() {
  ::close(descriptor_);
}

}  // namespace minga::sql::sqlite
