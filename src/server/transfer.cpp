// The commands that carry records and databases in and out.
#include "base/logging.hpp"
#include "records/import.hpp"
#include "server/commands.hpp"
#include "server/engine.hpp"
#include "server/instance.hpp"
#include "server/progress.hpp"
#include "sql/sqlite/sqlite.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <unistd.h>

namespace minga::server {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr std::int64_t kExportPage = 1'000;

Settings quiet(Settings settings) {
  settings.http.access_log = false;
  log::start(settings.log_format, log::Level::warning);
  return settings;
}

records::Context own_context() {
  records::Context context;
  context.bypasses_rules = true;
  return context;
}

Async<ImportReport> import_stream(records::Store& store, std::string collection,
                                  std::istream& input) {
  ProgressLine progress;
  records::Importer importer(store, own_context(), collection);
  std::string chunk(kChunk, '\0');
  while (input) {
    input.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    auto const size = static_cast<std::size_t>(input.gcount());
    co_await importer.feed(std::string_view(chunk).substr(0, size));
    progress.show(fmt::format("{} added", importer.report().added));
  }
  co_await importer.finish();
  progress.end();
  if (input.bad()) {
    throw std::runtime_error(fmt::format(
        "Reading failed on the way: {} were added, not what follows.", importer.report().added));
  }
  co_return importer.report();
}

Async<std::vector<JsonObject>> next_page(records::Store& store, std::string collection,
                                         std::string filter, std::string after) {
  auto context = own_context();
  co_return co_await store.scan(context, collection, filter, after, kExportPage);
}

/// A database's copy of one moment beside it, which goes with this object.
class MomentaryCopy {
 public:
  explicit MomentaryCopy(std::filesystem::path const& database)
      : file_(fmt::format("{}.export-{}", database.string(), ::getpid())) {
    sql::sqlite::copy(database, file_);
  }
  ~MomentaryCopy() {
    for (auto const* part : {"", "-wal", "-shm", ".lock"}) {
      std::error_code gone;  // not all of them are left
      std::filesystem::remove(file_ + part, gone);
    }
  }
  MomentaryCopy(MomentaryCopy const&) = delete;
  MomentaryCopy& operator=(MomentaryCopy const&) = delete;
  std::string const& file() const { return file_; }

 private:
  std::string file_;
};

/// The database to read from: itself, or, while a server has it open, a copy.
class Source {
 public:
  Source(Settings settings, std::vector<Application> const& applications) {
    try {
      core_ = std::make_unique<Core>(settings, applications);
      return;
    } catch (sql::Error const& error) {
      if (error.code() != sql::ErrorCode::busy) throw;
    }
    copy_.emplace(settings.sqlite_file());
    settings.database = "sqlite:" + copy_->file();
    core_ = std::make_unique<Core>(std::move(settings), applications);
  }
  Core& core() { return *core_; }

 private:
  std::optional<MomentaryCopy> copy_;
  std::unique_ptr<Core> core_;  // last: it closes the copy before that goes
};

void require_collection(records::Store& store, std::string const& name) {
  auto const schema = store.schema();
  if (schema->find(name) != nullptr) return;
  std::string known;
  for (auto const& definition : schema->all())
    known += (known.empty() ? "" : ", ") + definition.name;
  throw std::invalid_argument(
      fmt::format("There is no collection '{}'; there are: {}.", name, known));
}

}  // namespace

int import_records(Settings settings, std::vector<Application> const& applications,
                   std::string const& collection, std::filesystem::path const& file) {
  Core core(quiet(std::move(settings)), applications);
  require_collection(core.store(), collection);
  std::ifstream opened;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    if (!opened || std::filesystem::is_directory(file))
      throw std::invalid_argument(fmt::format("The file {} cannot be read.", file.string()));
  }
  auto const begin = Clock::now();
  auto const report =
      core.wait(import_stream(core.store(), collection, file == "-" ? std::cin : opened));
  auto const seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  for (auto const& refusal : report.refusals)
    fmt::print(stderr, "line {}: {}\n", refusal.line, refusal.reason);
  auto const shown = static_cast<std::int64_t>(report.refusals.size());
  if (report.refused > shown) fmt::print(stderr, "and {} lines more\n", report.refused - shown);
  fmt::print("{} added, {} refused in {:.1f} s\n", report.added, report.refused, seconds);
  return report.refused == 0 ? 0 : 1;
}

int export_records(Settings settings, std::vector<Application> const& applications,
                   std::string const& collection, std::string const& filter) {
  if (!settings.uses_postgres() && !std::filesystem::exists(settings.sqlite_file())) {
    throw std::invalid_argument(
        fmt::format("There is no database {}: --data or --database says where it is.",
                    settings.sqlite_file().string()));
  }
  Source source(quiet(std::move(settings)), applications);
  auto& core = source.core();
  require_collection(core.store(), collection);
  std::string after;
  for (;;) {
    auto records = core.wait(next_page(core.store(), collection, filter, after));
    if (!records.empty()) after = records.back().at("id").as_string();
    for (auto& record : records) {
      auto const line = records::export_line(std::move(record));
      std::fwrite(line.data(), 1, line.size(), stdout);
    }
    if (std::fflush(stdout) != 0) throw std::runtime_error("Standard output cannot be written.");
    if (records.size() < static_cast<std::size_t>(kExportPage)) return 0;
  }
}

int backup(Settings settings, std::vector<Application> const&, std::filesystem::path const& file) {
  fmt::print("{}\n", back_up(quiet(std::move(settings)), file));
  return 0;
}

int restore(Settings settings, std::filesystem::path const& file) {
  fmt::print("{}\n", restore_backup(quiet(std::move(settings)), file));
  return 0;
}

}  // namespace minga::server
