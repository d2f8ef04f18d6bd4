#include "sql/postgres/backup.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace minga::sql::postgres {
namespace {

/// libpq's settings as environment variables: a command line would show the password to everybody.
/// https://www.postgresql.org/docs/15/libpq-envars.html
constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kVariables{{
    {"host", "PGHOST"},
    {"hostaddr", "PGHOSTADDR"},
    {"port", "PGPORT"},
    {"dbname", "PGDATABASE"},
    {"user", "PGUSER"},
    {"password", "PGPASSWORD"},
    {"passfile", "PGPASSFILE"},
    {"channel_binding", "PGCHANNELBINDING"},
    {"service", "PGSERVICE"},
    {"sslmode", "PGSSLMODE"},
    {"sslcert", "PGSSLCERT"},
    {"sslkey", "PGSSLKEY"},
    {"sslrootcert", "PGSSLROOTCERT"},
    {"sslcrl", "PGSSLCRL"},
    {"sslsni", "PGSSLSNI"},
    {"requirepeer", "PGREQUIREPEER"},
    {"gssencmode", "PGGSSENCMODE"},
    {"krbsrvname", "PGKRBSRVNAME"},
}};

Error failure(std::string const& what) {
  return Error(ErrorCode::io, what);
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  int get() const { return descriptor_; }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

 private:
  int descriptor_;
};

std::vector<std::string> environment(Settings const& settings) {
  std::vector<std::string> all;
  for (auto** each = ::environ; *each != nullptr; ++each) {
    if (!std::string_view(*each).starts_with("PG")) all.emplace_back(*each);
  }
  for (auto const& [keyword, value] : settings.keywords_of_all_hosts()) {
    for (auto const& [name, variable] : kVariables) {
      if (name == keyword) all.push_back(fmt::format("{}={}", variable, value));
    }
  }
  all.emplace_back("PGTARGETSESSIONATTRS=primary");
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    auto const count = ::read(descriptor, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
}

/// Runs one of PostgreSQL's programs with these as its input and output; returns its exit status
/// and what it complained of.
std::pair<int, std::string> run(Settings const& settings, std::vector<std::string> arguments,
                                int input, int output) {
  auto const program = arguments.front();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw failure("no pipe for " + program);
  Descriptor const complaints(ends[0]);
  Descriptor complain(ends[1]);
  auto variables = environment(settings);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, 1);
  ::posix_spawn_file_actions_adddup2(&actions, complain.get(), 2);
  pid_t child = -1;
  auto const error = ::posix_spawnp(&child, program.c_str(), &actions, nullptr,
                                    pointers(arguments).data(), pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw failure(
        fmt::format("{} cannot be started ({}): PostgreSQL's client tools are needed for it.",
                    program, std::generic_category().message(error)));
  }
  complain.close();
  auto said = read_all(complaints.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  while (said.ends_with('\n')) said.pop_back();
  return {status, std::move(said)};
}

}  // namespace

void back_up(Settings const& settings, std::filesystem::path const& file) {
  if (std::filesystem::exists(file))
    throw failure(fmt::format("The backup's file {} exists already.", file.string()));
  auto const unfinished = file.string() + ".unfinished";
  Descriptor target(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (target.get() < 0) {
    throw failure(fmt::format("The backup's file {} cannot be written: {}", unfinished,
                              std::generic_category().message(errno)));
  }
  Descriptor const nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto const [status, said] =
      run(settings, {"pg_dump", "--format=custom", "--no-password"}, nothing.get(), target.get());
  auto const synced = ::fsync(target.get()) == 0;
  // A link refuses what came to be under that name meanwhile.
  if (status == 0 && synced && ::link(unfinished.c_str(), file.c_str()) == 0) {
    ::unlink(unfinished.c_str());
    return;
  }
  ::unlink(unfinished.c_str());
  throw failure(fmt::format("The backup {} was not made: {}", file.string(),
                            status != 0 ? said : std::generic_category().message(errno)));
}

void restore(Options const& options, std::filesystem::path const& file) {
  Settings const settings(options);
  Descriptor const source(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (source.get() < 0) {
    throw failure(fmt::format("The backup {} cannot be read: {}.", file.string(),
                              std::generic_category().message(errno)));
  }
  Descriptor const nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  // Any connection string makes it connect; the environment says where to.
  auto const [status, said] =
      run(settings,
          {"pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
           "--no-password", "--dbname=application_name=minga"},
          source.get(), nothing.get());
  if (status == 0) return;
  if (said.find("already exists") != std::string::npos) {
    throw failure(fmt::format("The database {} is not empty: a backup is restored into a new one.",
                              settings.description()));
  }
  throw failure(fmt::format("The backup {} was not restored: {}", file.string(), said));
}

}  // namespace minga::sql::postgres
