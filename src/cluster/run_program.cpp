#include "cluster/run_program.hpp"

#include "async/deadline.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <unistd.h>

namespace minga::cluster {
namespace {

/// Memory that a child writes to like a file.
class OutputFile {
 public:
  OutputFile() : descriptor_(::memfd_create("output", MFD_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw std::system_error(errno, std::generic_category(), "making room for a child's output");
    }
  }
  ~OutputFile() { ::close(descriptor_); }
  OutputFile(OutputFile const&) = delete;
  OutputFile& operator=(OutputFile const&) = delete;

  int descriptor() const { return descriptor_; }

  std::string text() const {
    std::string text;
    std::array<char, 16 * 1024> chunk{};
    for (;;) {
      auto const size =
          ::pread(descriptor_, chunk.data(), chunk.size(), static_cast<off_t>(text.size()));
      if (size <= 0) return text;
      text.append(chunk.data(), static_cast<std::size_t>(size));
    }
  }

 private:
  int descriptor_;
};

}  // namespace

Async<ProgramResult> run_program(Processes& processes, Program program, Deadline deadline) {
  OutputFile output;
  auto const child = processes.start(program, output.descriptor());
  ProgramResult result;
  std::exception_ptr failure;
  try {
    result.status = co_await with_deadline(deadline, processes.ended(child));
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    ::kill(-child, SIGKILL);  // it leads a session of its own
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    co_await processes.ended(child);
    std::rethrow_exception(failure);
  }
  result.output = output.text();
  co_return result;
}

}  // namespace minga::cluster
