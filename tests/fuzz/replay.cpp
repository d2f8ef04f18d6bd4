/// Runs a fuzz target without libFuzzer: on each file of the folder it is given, on each of their
/// beginnings, and on each with one byte missing or another one.
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace {

constexpr std::array<char, 6> kOdd{'\0', '\n', '"', '%', '\x7f', '\xff'};

std::string input;  // the present one

/// The input, in hexadecimal, for who wants to run it again. Only what a signal may call.
void show_input(int signal) {
  constexpr char const* kDigits = "0123456789abcdef";
  for (char const each : input) {
    auto const byte = static_cast<unsigned char>(each);
    std::array<char, 2> const text{kDigits[byte / 16], kDigits[byte % 16]};
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0) break;
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

std::size_t inputs = 0;

void run(std::string text) {
  input = std::move(text);
  LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(input.data()), input.size());
  ++inputs;
}

void replay(std::string const& seed) {
  run(seed);
  for (std::size_t i = 0; i < seed.size(); ++i) {
    run(seed.substr(0, i));
    run(seed.substr(0, i) + seed.substr(i + 1));
    for (auto const odd : kOdd) {
      auto changed = seed;
      changed[i] = odd;
      run(std::move(changed));
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
    return 2;
  }
  std::signal(SIGABRT, show_input);
  std::signal(SIGSEGV, show_input);
  for (auto const& entry : std::filesystem::directory_iterator(arguments[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    replay({std::istreambuf_iterator<char>(file), {}});
  }
  std::printf("%zu inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}
