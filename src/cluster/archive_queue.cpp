#include "cluster/archive_queue.hpp"

#include "cluster/pgbackrest.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>

namespace minga::cluster {
namespace {

constexpr std::string_view kReady = ".ready";
constexpr std::string_view kDone = ".done";

std::optional<SystemTime> written_at(std::filesystem::path const& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  return SystemTime(std::chrono::seconds(status.st_mtim.tv_sec) +
                    std::chrono::milliseconds(status.st_mtim.tv_nsec / 1'000'000));
}

std::filesystem::path log_folder(Folder const& folder) {
  return folder.postgres_data() / "pg_wal";
}

/// Files come and go meanwhile, and before the first start there is no folder.
template <class See>
void for_each_note(Folder const& folder, std::string_view ending, See see) {
  std::error_code error;
  std::filesystem::directory_iterator notes(log_folder(folder) / "archive_status", error);
  for (; !error && notes != std::filesystem::directory_iterator(); notes.increment(error)) {
    auto const name = notes->path().filename().string();
    if (name.ends_with(ending)) see(notes->path(), name.substr(0, name.size() - ending.size()));
  }
}

}  // namespace

ArchiveQueue read_archive_queue(Folder const& folder) {
  BackupFolder const files(folder);
  ArchiveQueue queue;
  for_each_note(folder, kReady, [&](std::filesystem::path const& note, std::string const&) {
    auto const since = written_at(note);
    if (!since) return;
    ++queue.waiting;
    if (!queue.waiting_since || *since < *queue.waiting_since) queue.waiting_since = since;
  });
  queue.archived_at = written_at(files.archived());
  if (queue.waiting > 0 && written_at(files.failure())) {
    queue.failure = words_of(read_text(files.failure()));
  }
  return queue;
}

std::vector<std::string> finished_segments(Folder const& folder) {
  std::vector<std::string> names;
  for_each_note(folder, kDone, [&](std::filesystem::path const&, std::string const& name) {
    if (segment_number(name) && std::filesystem::exists(log_folder(folder) / name)) {
      names.push_back(name);
    }
  });
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace minga::cluster
