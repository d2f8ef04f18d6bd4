#include "move/door.hpp"

#include "async/deadline.hpp"
#include "base/logging.hpp"
#include "move/fence.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <fcntl.h>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace minga::move {
namespace {

using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::asio::local::stream_protocol;

constexpr std::size_t kLongestLine = 4'096;
/// For a line of an answer beyond what was asked for.
constexpr std::chrono::seconds kGrace{5};
constexpr std::chrono::milliseconds kMostHeld{120'000};

/// A path that is short enough for a socket's address, which takes 107 bytes, while it lives.
class ShortPath {
 public:
  explicit ShortPath(std::filesystem::path const& path)
      : folder_(::open(path.has_parent_path() ? path.parent_path().c_str() : ".",
                       O_PATH | O_DIRECTORY | O_CLOEXEC)),
        text_(fmt::format("/proc/self/fd/{}/{}", folder_, path.filename().string())) {}
  ~ShortPath() {
    if (folder_ >= 0) ::close(folder_);
  }
  ShortPath(ShortPath const&) = delete;
  ShortPath& operator=(ShortPath const&) = delete;
  stream_protocol::endpoint endpoint() const { return stream_protocol::endpoint(text_); }

 private:
  int folder_;
  std::string text_;
};

std::filesystem::path door_of(std::filesystem::path const& file) {
  return file.string() + ".move";
}

/// Nothing at the end of the connection.
Async<std::optional<std::string>> read_line(stream_protocol::socket& socket) {
  std::string line;
  boost::system::error_code error;
  auto const size = co_await boost::asio::async_read_until(
      socket, boost::asio::dynamic_buffer(line, kLongestLine), '\n',
      redirect_error(use_awaitable, error));
  if (error) co_return std::nullopt;
  line.resize(size - 1);
  co_return line;
}

Async<bool> write_line(stream_protocol::socket& socket, std::string line) {
  line += '\n';
  boost::system::error_code error;
  co_await boost::asio::async_write(socket, boost::asio::buffer(line),
                                    redirect_error(use_awaitable, error));
  co_return !error;
}

/// What follows the word and a blank, where the line begins with it.
std::optional<std::string> after_word(std::optional<std::string> const& line,
                                      std::string_view word) {
  if (!line || !line->starts_with(word) || line->size() <= word.size() ||
      (*line)[word.size()] != ' ')
    return std::nullopt;
  return line->substr(word.size() + 1);
}

std::optional<std::chrono::milliseconds> milliseconds_of(std::optional<std::string> const& text) {
  if (!text) return std::nullopt;
  std::int64_t count = 0;
  auto const [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error != std::errc{} || end != text->data() + text->size() || count < 1) return std::nullopt;
  return std::min(std::chrono::milliseconds(count), kMostHeld);
}

std::string refused(std::exception const& error) {
  return fmt::format("refused {}", error.what());
}

Async<stream_protocol::socket> connect(std::filesystem::path file) {
  ShortPath const path(door_of(file));
  auto const executor = co_await boost::asio::this_coro::executor;
  stream_protocol::socket socket(executor);
  boost::system::error_code error;
  co_await socket.async_connect(path.endpoint(), redirect_error(use_awaitable, error));
  if (error) {
    throw std::runtime_error(
        fmt::format("The database {} is in use, but by no server that lets a move pause its writes "
                    "({}). Move again when that process has ended.",
                    file.string(), error.message()));
  }
  co_return socket;
}

[[noreturn]] void fail(std::optional<std::string> const& answer) {
  auto const reason = after_word(answer, "refused");
  throw sql::Error(sql::ErrorCode::connection_lost,
                   reason ? *reason : "The server that was to pause its writes has ended.");
}

class DoorPause : public Pause {
 public:
  DoorPause(stream_protocol::socket socket, Deadline deadline)
      : socket_(std::move(socket)), deadline_(deadline) {}

  Async<void> hold() {
    auto const left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
    co_await ask(fmt::format("hold {}", std::max<std::int64_t>(left.count(), 1)), "held");
  }
  Async<void> close(std::string to) override { co_await ask("close " + to, "closed"); }

 private:
  Async<void> ask(std::string line, std::string_view wanted) {
    co_await write_line(socket_, std::move(line));
    auto const answer = co_await with_deadline(deadline_ + kGrace, read_line(socket_));
    if (answer != wanted) fail(answer);
  }

  stream_protocol::socket socket_;
  Deadline deadline_;
};

Async<std::unique_ptr<Pause>> pause_at_door(std::filesystem::path file, Deadline deadline) {
  auto socket = co_await connect(std::move(file));
  auto pause = std::make_unique<DoorPause>(std::move(socket), deadline);
  co_await pause->hold();
  co_return pause;
}

}  // namespace

Door::Door(IoThreads& threads, sql::Database& database, std::filesystem::path const& file)
    : database_(database),
      path_(door_of(file)),
      acceptor_(threads.context(0)),
      tasks_(threads.context(0).get_executor(), "move") {}

Door::~Door() = default;

Async<void> Door::start() {
  // One that a killed server has left; this one has the database to itself.
  std::filesystem::remove(path_);
  ShortPath const path(path_);
  acceptor_.open();
  acceptor_.bind(path.endpoint());
  std::filesystem::permissions(
      path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  acceptor_.listen();
  tasks_.spawn(accept());
  co_return;
}

Async<void> Door::stop(Deadline) {
  boost::system::error_code ignored;  // it is closed all the same
  acceptor_.close(ignored);
  tasks_.cancel();
  co_await tasks_.join();
  std::error_code gone;
  std::filesystem::remove(path_, gone);
}

Async<void> Door::accept() {
  for (;;) {
    boost::system::error_code error;
    auto socket = co_await acceptor_.async_accept(redirect_error(use_awaitable, error));
    if (error == boost::asio::error::operation_aborted || !acceptor_.is_open()) co_return;
    if (error) {
      log::warning(fmt::format("A move could not be let in: {}", error.message()));
      co_await sleep_for(std::chrono::seconds{1});
      continue;
    }
    tasks_.spawn(serve(std::move(socket)));
  }
}

Async<void> Door::serve(Socket socket) {
  std::string reason;
  try {
    co_await pause(socket);
  } catch (std::exception const& error) {
    reason = refused(error);
  }
  if (!reason.empty()) co_await write_line(socket, std::move(reason));
}

Async<void> Door::pause(Socket& socket) {
  auto const wanted = milliseconds_of(after_word(co_await read_line(socket), "hold"));
  if (!wanted) co_return;
  auto const deadline = Clock::now() + *wanted;
  auto const held = co_await database_.hold_writes(gates(), deadline);
  log::info(fmt::format("writes wait for a move, {} ms at most", wanted->count()));
  if (!co_await write_line(socket, "held")) co_return;
  auto const to = after_word(co_await with_deadline(deadline, read_line(socket)), "close");
  if (!to) {
    log::info("writes go on: the move gave up its pause");
    co_return;
  }
  co_await held->finish(fence(database_.dialect(), *to));
  log::warning(
      fmt::format("This site has moved to {}: writes are refused from now on. Serve it "
                  "there.",
                  *to));
  co_await write_line(socket, "closed");
}

Source served_source(sql::Database& database, std::filesystem::path file) {
  auto pause = [file = std::move(file)](Deadline deadline) {
    return pause_at_door(file, deadline);
  };
  return {database, std::move(pause)};
}

Async<void> require_door(std::filesystem::path file) {
  co_await connect(std::move(file));
}

}  // namespace minga::move
